"""A scenario: who is there, what they do, for how long, and what goes wrong meanwhile. A TOML file in scenarios/.

question = "What does a message to everybody cost?"
layers = ["redis", "postgres"]      unless --layers is given
[people.listeners]                  as many of this kind in each organisation
who = "Lurker"
number = 200
[[steps]]                           one after the other, each measured apart
name = "steady"
seconds = 20
[quick]                             what --quick makes of it: replaces what it names
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "scenarios"
WHO = ("Lurker", "Talker", "Member", "Reconnector", "Admin", "NewOrganisation", "SlowReader")
FAULTS = ("replace-servers", "restart-broker")


class Nonsense(Exception):
    """A scenario that cannot be. One sentence for who wrote it."""


@dataclass(frozen=True, slots=True)
class People:
    """So many of a kind in each of the `organisations` (their numbers from 0; none named: all)."""

    name: str
    who: str
    number: int = 1
    organisations: tuple[int, ...] = ()
    rate: float = 0.0  # a second, of each: messages, notices, arrivals, as the kind has it
    bytes: int = 200  # of a message
    signals: bool = False  # instead of messages: nobody keeps them, and nobody has promised that they arrive
    steps: tuple[str, ...] = ()  # in which they do something; none named: in all
    arrive_within: float = 0.0  # seconds, from the beginning of the first step on; 0: they are there before


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    seconds: float
    faster: float = 1.0  # everybody's rate times this
    bytes: int = 0  # of a message, whoever says it; 0: as the people have it


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    after: float  # seconds from the beginning of the first step


@dataclass(frozen=True, slots=True)
class Goal:
    p99: float = 1.0  # seconds, of each delivery
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    question: str
    people: tuple[People, ...]
    steps: tuple[Step, ...]
    organisations: int = 1
    layers: tuple[str, ...] = ("redis", "postgres")
    servers: tuple[str, ...] = ("uvicorn",)
    workers: int = 1
    limits: str = "unlimited"
    rounds: int = 5
    warm_up: float = 3.0  # seconds with everything as in the first step, not measured
    patience: float = 5.0  # seconds after the last step for what is still under way
    late_after: float = 1.0
    connect_rate: float = 100.0  # a second, of those who are there before
    faults: tuple[Fault, ...] = ()
    goal: Goal = Goal()
    compare: tuple[str, ...] = ()  # two steps, of whose p99s the ratio is told: the first's to the second's
    compare_organisations: tuple[int, ...] = ()  # in whose messages

    @property
    def measured(self) -> float:
        return sum(step.seconds for step in self.steps)

    @property
    def sockets(self) -> int:
        return sum(self.many(people) for people in self.people)

    def many(self, people: People) -> int:
        return people.number * (len(people.organisations) or self.organisations)

    def where(self, people: People, index: int) -> int:
        """The organisation of the one with this number among those of a kind."""
        return (people.organisations or range(self.organisations))[
            index % (len(people.organisations) or self.organisations)
        ]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def names() -> list[str]:
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def load(name: str, *, quick: bool = False) -> Scenario:
    """By its name, or from a file of one's own."""
    file = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not file.is_file():
        raise Nonsense(f"There is no scenario {name}; choose one of {', '.join(names())}, or name a TOML file.")
    try:
        told = tomllib.loads(file.read_text())
    except tomllib.TOMLDecodeError as error:
        raise Nonsense(f"{file.name} is not TOML: {error}") from None
    shorter = told.pop("quick", {})
    return of_json({"name": file.stem} | (merged(told, shorter) if quick else told))


def endless(scenario: Scenario) -> Scenario:
    """Its last step goes on for a day."""
    *before, last = scenario.steps
    return replace(scenario, steps=(*before, replace(last, seconds=86_400.0)))


def merged(told: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    whole = dict(told)
    for name, value in other.items():
        both = isinstance(value, dict) and isinstance(whole.get(name), dict)
        whole[name] = merged(whole[name], value) if both else value
    return whole


def of_json(told: Mapping[str, Any]) -> Scenario:
    people = told.get("people", {})
    listed = [{"name": name} | value for name, value in people.items()] if isinstance(people, dict) else people
    whole = dict(told) | {
        "people": tuple(_read(People, each) for each in listed),
        "steps": tuple(_read(Step, each) for each in told.get("steps", ())),
        "faults": tuple(_read(Fault, each) for each in told.get("faults", ())),
        "goal": _read(Goal, told.get("goal", {})),
    }
    scenario: Scenario = _read(Scenario, whole)
    _check(scenario)
    return scenario


def _read(kind: Any, told: Mapping[str, Any]) -> Any:
    known = {each.name for each in fields(kind)}
    if unknown := told.keys() - known:
        raise Nonsense(f"A scenario's {kind.__name__.lower()} has no {', '.join(sorted(unknown))}: {sorted(known)}.")
    try:
        return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in told.items()})
    except TypeError as error:
        raise Nonsense(f"A scenario's {kind.__name__.lower()} lacks something: {error}") from None


def _check(scenario: Scenario) -> None:
    steps = {step.name for step in scenario.steps}
    if not steps or not scenario.people:
        raise Nonsense(f"{scenario.name} needs [people.…] and [[steps]].")
    for people in scenario.people:
        if people.who not in WHO:
            raise Nonsense(f"{people.who} is nobody; people are {', '.join(WHO)}.")
        if not steps.issuperset(people.steps):
            raise Nonsense(f"{people.name} acts in a step that is not there: {', '.join(people.steps)}.")
        if any(not 0 <= each < scenario.organisations for each in people.organisations):
            raise Nonsense(f"{people.name} are in an organisation that is not there.")
    for fault in scenario.faults:
        if fault.kind not in FAULTS:
            raise Nonsense(f"{fault.kind} is no fault; faults are {', '.join(FAULTS)}.")
    if not steps.issuperset(scenario.compare):
        raise Nonsense(f"compare names a step that is not there: {', '.join(scenario.compare)}.")
