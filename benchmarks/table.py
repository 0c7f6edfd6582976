"""conclave bench table FOLDER: writes the table of benchmarks/README.md again, from a result."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import figures, report

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- conclave bench table -->", "<!-- end of the table -->"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="conclave bench table", description=__doc__)
    parser.add_argument("folder", type=Path, help="with a results.json")
    parser.add_argument("--readme", type=Path, default=README, help="the file that holds the table")
    wish = parser.parse_args(arguments)
    try:
        result = json.loads((wish.folder / "results.json").read_text())
    except (OSError, ValueError) as error:
        print(f"That is not a result: {error}", file=sys.stderr)
        return 2
    before, _, rest = wish.readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    wish.readme.write_text(f"{before}{BEGIN}\n\n{written(result)}\n\n{END}{after}")
    return 0


def written(result: Mapping[str, Any]) -> str:
    """A row for each layer on each server."""
    runs, about = report.measured(result), result["circumstances"]
    head = ["", *(f"{each.name}, {each.unit}" for each in figures.COMPARED), "lost", "duplicate", "void rounds"]
    rows = [
        [
            name,
            *(report.told(figures.middle(own, each)) for each in figures.COMPARED),
            *(f"{figures.total(own, what):,}" for what in ("lost", "duplicate")),
            f"{sum(bool(run['void']) for run in own)} of {len(own)}",
        ]
        for name, own in runs.items()
    ]
    loads = [run["load"] for own in runs.values() for run in own]
    where = f"{about['machine']}, Python {about['python']}; load {min(loads)}–{max(loads)}"
    birth = f"{where} · commit {about['commit']} · {about['date'][:10]} · `{result['reproduce']}`"
    return f"{report.table([head, *rows])}\n\n{birth}"
