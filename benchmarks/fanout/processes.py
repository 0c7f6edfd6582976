"""What processes cost, as the kernel counts it: nanoseconds on a processor, pages of memory. And where they run."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

Role = str  # server, broker, database
Roots = Mapping[Role, Sequence[int]]  # the processes that were started for it; their descendants count with them
Spent = dict[tuple[int, int], int]  # nanoseconds by process and thread
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def tree(root: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield root
    with suppress(*GONE):
        for thread in PROC.joinpath(str(root), "task").iterdir():
            with suppress(*GONE):
                for child in thread.joinpath("children").read_text().split():
                    yield from tree(int(child))


def threads(roots: Sequence[int]) -> Iterator[tuple[int, int]]:
    for root in roots:
        for pid in tree(root):
            with suppress(*GONE):
                yield from [(pid, int(name)) for name in os.listdir(PROC / str(pid) / "task")]


def words(pid: int) -> list[str]:
    """The command line of a process."""
    with suppress(*GONE):
        return PROC.joinpath(str(pid), "cmdline").read_text().split("\0")
    return []


def spent(roots: Sequence[int]) -> Spent:
    """Of every thread that lives. One that comes and goes between two looks is missed: no subject has any."""
    found: Spent = {}
    for pid, thread in threads(roots):
        with suppress(*GONE):
            told = PROC.joinpath(str(pid), "task", str(thread), "schedstat").read_text()
            found[pid, thread] = int(told.split()[0])
    return found


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


def memory(roots: Sequence[int]) -> int:
    """KiB that these processes take, what they share divided among those who share it."""
    return sum(_proportional(pid) for root in roots for pid in tree(root))


def _proportional(pid: int) -> int:
    with suppress(*GONE):
        for line in PROC.joinpath(str(pid), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


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
            with suppress(*GONE):
                os.sched_setaffinity(thread, {core})
