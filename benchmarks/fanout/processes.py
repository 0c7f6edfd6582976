"""What the processes of a subject cost between two looks, and where they run."""

import os
from contextlib import suppress

from benchmarks.processes import PROC, Roots, Spent, spent, threads

Role = str  # server, broker, database


class Clock:
    """Looks at what each role has used, each time it is asked to."""

    def __init__(self, roots: Roots, core: int | None) -> None:
        self._roots, self._core = roots, core
        self._looks: list[tuple[dict[Role, Spent], tuple[int, int]]] = []

    def look(self) -> None:
        self._looks.append(({role: spent(pids) for role, pids in self._roots.items()}, busy(self._core)))

    def seconds(self) -> dict[Role, float]:
        """Between the last two looks."""
        (before, _), (after, _) = self._looks[-2:]
        return {
            role: sum(used - before[role].get(thread, 0) for thread, used in after[role].items()) / 1e9
            for role in self._roots
        }

    def busy(self) -> float:
        """The share of the time between them in which the core did something, whoever it was for."""
        (_, (used, all_)), (_, (used_later, all_later)) = self._looks[-2:]
        return (used_later - used) / max(1, all_later - all_)


def busy(core: int | None) -> tuple[int, int]:
    """Ticks in which a core (None: all of them) was busy, and ticks in all."""
    name = "cpu" if core is None else f"cpu{core}"
    line = next(line for line in PROC.joinpath("stat").read_text().splitlines() if line.split()[0] == name)
    ticks = [int(each) for each in line.split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def cores() -> tuple[int | None, int | None]:
    """One for the subjects, another one for the judge; none where there is only one."""
    have = sorted(os.sched_getaffinity(0))
    return (have[0], have[-1]) if len(have) > 1 else (None, None)


def keep_on(core: int | None, roots: Roots) -> None:
    """These processes run on this core alone from now on, and so does what they start."""
    if core is None:
        return
    for pids in roots.values():
        for _, thread in threads(pids):
            with suppress(OSError):
                os.sched_setaffinity(thread, {core})
