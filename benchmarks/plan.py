"""What `conclave bench` and its generators tell each other: files in one folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scenario import Scenario, of_json


@dataclass(frozen=True, slots=True)
class Plan:
    folder: Path
    run: str
    seed: int
    url: str
    roster: Sequence[Mapping[str, Any]]
    scenario: Scenario
    workers: int = 1

    @property
    def file(self) -> Path:
        return self.folder / "plan.json"

    @property
    def beginning(self) -> Path:
        """Holds when the first step begins."""
        return self.folder / "beginning"

    @property
    def ending(self) -> Path:
        return self.folder / "ending"

    def here(self, worker: int) -> Path:
        """Holds how many sockets the process has open."""
        return self.folder / f"here-{worker}"

    def part(self, worker: int) -> Path:
        return self.folder / f"part-{worker}.json"

    def write(self) -> None:
        told = {"run": self.run, "seed": self.seed, "url": self.url, "roster": self.roster, "workers": self.workers}
        self.file.write_text(json.dumps(told | {"scenario": self.scenario.as_json()}))

    @classmethod
    def read(cls, file: Path) -> "Plan":
        told = json.loads(file.read_text())
        scenario = of_json(told.pop("scenario"))
        return cls(folder=file.parent, scenario=scenario, **told)
