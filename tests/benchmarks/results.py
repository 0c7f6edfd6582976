"""Results as `conclave bench` writes them, made up."""

from collections.abc import Sequence
from typing import Any

from benchmarks.scenario import load

COUNTED = ("expected", "delivered", "lost", "late", "caught_up", "duplicate", "out_of_order", "foreign")


def run(number: int, p99: float, *, cpu: float = 20.0, lost: int = 0, void: Sequence[str] = ()) -> dict[str, Any]:
    """`p99` in milliseconds."""
    quantiles = {"count": 5000, "p50": int(p99 * 400), "p90": int(p99 * 800), "p99": int(p99 * 1000), "p999": None}
    figures = {
        "said": 10,
        "refused": 0,
        "unanswered": 0,
        "deliveries": dict.fromkeys(COUNTED, 0) | {"expected": 1000, "delivered": 1000 - lost, "lost": lost},
        **dict.fromkeys(
            ("latency_us", "median_recipient_us", "last_recipient_us"), quantiles | {"max": int(p99 * 1100)}
        ),
        "deliveries_per_second": 100.0,
        "cpu_seconds_per_million": {"server": cpu, "database": cpu / 2, "generator": cpu},
        "goal_met": True,
    }
    return figures | {
        "round": number,
        "load": 1.0,
        "memory_kib_per_socket": 12.0,
        "memory_kib_per_minute": 0.0,
        "server_loop_lag_us": {"p50": 1000, "p99": 5000, "max": 20000},
        "timings_us": {"coming in": {"count": 10, "p50": 1000, "p90": 2000, "p99": 3000, "p999": None, "max": 4000}},
        "counts": {"closed with 1012": 3},
        "void": list(void),
        "steps": [figures | {"name": "steady"}],
        "marks": [["restart-broker", 2.0, 3.0]],
        "timeline": [[0, 2500, int(p99 * 400), int(p99 * 1000)], [1, 2500, int(p99 * 400), int(p99 * 1000)]],
        "curve": [[0.0, 100], [0.5, int(p99 * 400)], [0.99, int(p99 * 1000)], [1.0, int(p99 * 1100)]],
    }


def result(**runs: list[dict[str, Any]]) -> dict[str, Any]:
    scenario = load("broadcast").as_json() | {"rounds": max(len(own) for own in runs.values())}
    about = {"machine": "a machine", "python": "3", "commit": "abc", "date": "2026-01-01", "command": "x"}
    return {
        "schema": 1,
        "scenario": scenario,
        "circumstances": about,
        "reproduce": "conclave bench broadcast --seed 1",
        "seed": 1,
        "seconds": 100,
        "runs": runs,
        "failures": [],
    }
