"""conclave bench compare BEFORE AFTER: two results side by side; exits 1 if something is worse beyond noise."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import figures, report
from benchmarks.statistics import ratio, verdict

MUST_NOT_GROW = ("lost", "duplicate", "out_of_order", "foreign")


@dataclass(frozen=True, slots=True)
class Compared:
    variant: str
    what: str
    before: str
    after: str
    ratio: str
    verdict: str

    @property
    def is_worse(self) -> bool:
        return self.verdict == "more"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="conclave bench compare", description=__doc__)
    parser.add_argument("before", type=Path, help="the folder of a result, or its results.json")
    parser.add_argument("after", type=Path)
    wish = parser.parse_args(arguments)
    try:
        before, after = (json.loads(_file(place).read_text()) for place in (wish.before, wish.after))
    except (OSError, ValueError) as error:
        print(f"That is not a result: {error}", file=sys.stderr)
        return 2
    if before["scenario"]["name"] != after["scenario"]["name"]:
        print("These are results of different scenarios, which cannot be compared.", file=sys.stderr)
        return 2
    told = list(compared(before, after))
    if not told:
        print("These results have no layer and server in common.", file=sys.stderr)
        return 2
    print(report.table([["", "", "before", "after", "ratio", ""], *([*_cells(each)] for each in told)]))
    if before["scenario"] != after["scenario"]:
        print("\nThe scenario has changed in between.")
    return 1 if any(each.is_worse for each in told) else 0


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Compared]:
    for variant in before["runs"].keys() & after["runs"].keys():
        old, new = before["runs"][variant], after["runs"][variant]
        for figure in figures.COMPARED:
            theirs, ours = figures.values(old, figure), figures.values(new, figure)
            found = ratio(ours, theirs)
            if found is not None:
                said = verdict(found, min(len(ours), len(theirs)))
                was, now = (report.told(figures.middle(runs, figure)) for runs in (old, new))
                yield Compared(variant, f"{figure.name}, {figure.unit}", was, now, report.told(found), said)
        for what in MUST_NOT_GROW:
            yield _counted(variant, what, old, new)


def _counted(variant: str, what: str, old: Sequence[figures.Run], new: Sequence[figures.Run]) -> Compared:
    """Of what should never happen: more of it for each delivery is worse, and is never noise, if there was none."""
    was, now = (figures.total(runs, what) for runs in (old, new))
    was_of, now_of = (max(1, figures.total(runs, "expected")) for runs in (old, new))
    if (now and not was) or now / now_of > 2 * was / was_of:
        said = "more"
    else:
        said = "none" if not now else "no more than before"
    return Compared(variant, what.replace("_", " "), f"{was:,}", f"{now:,}", "", said)


def _cells(each: Compared) -> tuple[str, ...]:
    return each.variant, each.what, each.before, each.after, each.ratio, each.verdict


def _file(place: Path) -> Path:
    return place / "results.json" if place.is_dir() else place
