"""Processes and their descendants, as the kernel tells of them in /proc. One that ends meanwhile is left out."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")

Roots = Mapping[str, Sequence[int]]  # component → the processes started for it; their descendants count with them
Spent = dict[tuple[int, int], int]  # nanoseconds on a processor, by process and thread


@dataclass(frozen=True)
class Cores:
    """Where what is measured runs, and where what measures it does: apart, where there is more than one."""

    subject: frozenset[int]
    generators: frozenset[int]

    @classmethod
    def parted(cls, generators: int, have: Iterable[int]) -> Self:
        """Generators get one each, the last ones, and never more than half of them."""
        all_of_them = sorted(have)
        theirs = min(generators, len(all_of_them) // 2)
        if not theirs:
            return cls(frozenset(all_of_them), frozenset(all_of_them))
        return cls(frozenset(all_of_them[:-theirs]), frozenset(all_of_them[-theirs:]))

    def __str__(self) -> str:
        ours, theirs = (", ".join(map(str, sorted(some))) for some in (self.subject, self.generators))
        if self.subject == self.generators:
            return f"server, broker, database and generator share {len(self.subject)}"
        return f"server, broker and database on {ours}; generator on {theirs}"


@contextmanager
def starting_on(cores: Iterable[int]) -> Iterator[None]:
    """What is started meanwhile runs on these cores alone, and so does what that starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def tree(root: int) -> Iterator[int]:
    """A process and all its descendants."""
    yield root
    with suppress(OSError):
        for thread in PROC.joinpath(str(root), "task").iterdir():
            with suppress(OSError):
                for child in thread.joinpath("children").read_text().split():
                    yield from tree(int(child))


def trees(roots: Sequence[int]) -> set[int]:
    return {each for root in roots for each in tree(root)}


def threads(roots: Sequence[int]) -> Iterator[tuple[int, int]]:
    for pid in trees(roots):
        with suppress(OSError):
            yield from [(pid, int(name)) for name in os.listdir(PROC / str(pid) / "task")]


def words(pid: int) -> list[str]:
    """The command line of a process."""
    with suppress(OSError):
        return PROC.joinpath(str(pid), "cmdline").read_text().split("\0")
    return []


def spent(roots: Sequence[int]) -> Spent:
    """So far, of every thread that lives. One that comes and goes between two looks is missed."""
    found: Spent = {}
    for pid, thread in threads(roots):
        with suppress(OSError):
            told = PROC.joinpath(str(pid), "task", str(thread), "schedstat").read_text()
            found[pid, thread] = int(told.split()[0])
    return found


def memory(roots: Sequence[int], *, kind: str) -> int:
    """KiB of a kind of /proc/PID/smaps_rollup. `Private_`: what they have for themselves, which alone grows with what
    they do. `Pss:`: what is shared, too, divided among those who share it."""
    return sum(_memory(pid, kind) for pid in trees(roots))


def _memory(pid: int, kind: str) -> int:
    with suppress(OSError):
        lines = PROC.joinpath(str(pid), "smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(kind))
    return 0
