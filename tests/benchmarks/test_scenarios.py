"""Scenarios that are shipped, in the short; and the whole way from the command to the report.

CI runs one scenario on one layer, drawn by the commit; `make ci-full` runs each scenario, and each layer.
"""

import json
import os
import subprocess
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import rounds, scenario
from benchmarks.circumstances import ROOT
from benchmarks.scenario import Nonsense, Scenario, load, of_json
from realtime.layers import LAYERS
from saas import stack
from saas.bench import generators_installed

MANY = 6  # people of a kind, at most
SHARED = [layer.name for layer in LAYERS.values() if not layer.single_process]


def turn() -> int:
    """Another number for each commit."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return zlib.crc32(told.stdout.encode())


def wanted() -> list[tuple[str, str]]:
    names = scenario.names()
    if os.environ.get("SCENARIOS") == "all":
        return [(name, SHARED[at % len(SHARED)]) for at, name in enumerate(names)] + [
            ("broadcast", layer) for layer in SHARED
        ]
    return [(names[turn() % len(names)], SHARED[turn() // 16 % len(SHARED)])]


def shortened(name: str) -> Scenario:
    """A few people, who do something at least once a second, and two seconds a step."""
    whole = load(name, quick=True)
    people = tuple(
        replace(each, number=min(each.number, MANY), rate=max(each.rate, 1.0) if each.rate else 0.0)
        for each in whole.people
    )
    steps = tuple(replace(step, seconds=min(step.seconds, 6.0 if whole.faults else 2.0)) for step in whole.steps)
    organisations = max(2 if whole.organisations > 1 else 1, max(whole.compare_organisations, default=0) + 1)
    faults = tuple(replace(fault, after=1.0) for fault in whole.faults)
    return replace(whole, people=people, steps=steps, organisations=organisations, faults=faults, warm_up=0.5, rounds=1)


@pytest.mark.parametrize(("name", "layer"), wanted(), ids=lambda value: str(value))
def test_a_scenario_is_measured_from_the_command_to_the_report(
    name: str, layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = shortened(name)
    monkeypatch.setattr(scenario, "load", lambda name, quick=False: short)
    command = [name, "--layers", layer, "--out", str(tmp_path)]

    ended = rounds.main(command, stack.started, generators_installed, tuple(LAYERS), ("uvicorn", "daphne"))

    told = json.loads((tmp_path / "results.json").read_text())
    (run,) = told["runs"][layer]
    assert ended == 0, told["failures"]
    assert run["said"] > 0
    assert run["deliveries"]["delivered"] > 0
    assert run["deliveries"]["foreign"] == 0
    if LAYERS[layer].fans_out:
        assert (run["deliveries"]["lost"], run["deliveries"]["duplicate"]) == (0, 0)
    assert {"server", "database", "generator"} <= run["cpu_seconds"].keys()
    assert [what for what, _, _ in run["marks"]] == [fault.kind for fault in short.faults]
    assert (tmp_path / "report.html").read_text().count("<svg") >= 2
    assert not list(tmp_path.rglob("plan.json")), "it holds tokens"


@pytest.mark.parametrize("name", scenario.names())
@pytest.mark.parametrize("quick", [False, True], ids=["whole", "quick"])
def test_a_scenario_can_be_read_and_handed_on(name: str, quick: bool) -> None:
    whole = load(name, quick=quick)

    assert of_json(json.loads(json.dumps(whole.as_json()))) == whole
    assert whole.title
    assert whole.question.endswith("?")
    assert whole.sockets > 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("people = {", "not TOML"),
        ('[people.x]\nwho = "Nobody"\n[[steps]]\nname = "a"\nseconds = 1.0', "Nobody is nobody"),
        ('colour = "red"', "has no colour"),
        ('[people.x]\nwho = "Lurker"', "needs"),
        ('[people.x]\nwho = "Lurker"\n[[steps]]\nname = "a"', "lacks something"),
        ('[people.x]\nwho = "Lurker"\norganisations = [3]\n[[steps]]\nname = "a"\nseconds = 1.0', "not there"),
        ('[people.x]\nwho = "Lurker"\nsteps = ["b"]\n[[steps]]\nname = "a"\nseconds = 1.0', "not there: b"),
    ],
)
def test_nonsense_in_a_scenario_is_refused_in_a_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('title = "t"\nquestion = "?"\n' + text)

    with pytest.raises(Nonsense, match=sentence):
        load(str(file))


def test_rounds_are_interleaved() -> None:
    a, b = rounds.Variant("redis", "uvicorn"), rounds.Variant("postgres", "daphne")

    turns = [variant.name for _, variant in rounds.order([a, b], 3)]

    assert turns == ["redis", "postgres on daphne", "postgres on daphne", "redis", "redis", "postgres on daphne"]
