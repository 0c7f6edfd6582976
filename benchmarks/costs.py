"""What components cost while something goes on: nanoseconds on a processor, pages of memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from benchmarks.processes import Roots, Spent, memory, spent

LOOKS_EVERY = 0.25  # seconds
# Whose memory is told; a database's is mostly shared, and slow to count.
REMEMBERING = ("server", "broker", "generator")


@dataclass(slots=True)
class Look:
    at: int
    cpu: dict[str, float]  # seconds so far, by component
    generator: Spent  # nanoseconds so far, by thread
    memory: dict[str, int]  # KiB


@dataclass
class Meter:
    """Looks again and again while the block runs. What a process used between the last look and its death is missed."""

    roots: Callable[[], Roots]
    looks: list[Look] = field(default_factory=list)
    _seen: dict[str, Spent] = field(default_factory=dict)
    _over: Event = field(default_factory=Event)

    def __enter__(self) -> "Meter":
        self.look()
        self._thread = Thread(target=self._keep_looking, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.look()

    def look(self) -> None:
        roots = self.roots()
        for component, pids in roots.items():
            self._seen.setdefault(component, {}).update(spent(pids))
        self.looks.append(
            Look(
                time.monotonic_ns(),
                {component: sum(used.values()) / 1e9 for component, used in self._seen.items()},
                dict(self._seen.get("generator", {})),
                {
                    component: memory(roots[component], kind="Private_")
                    for component in REMEMBERING
                    if component in roots
                },
            )
        )

    def between(self, began: int, ended: int) -> tuple[dict[str, float], float]:
        """CPU seconds by component; and the part of the time in which the generator's busiest thread ran."""
        first = max((look for look in self.looks if look.at <= began), key=lambda look: look.at, default=self.looks[0])
        last = min((look for look in self.looks if look.at >= ended), key=lambda look: look.at, default=self.looks[-1])
        used = {component: seconds - first.cpu.get(component, 0) for component, seconds in last.cpu.items()}
        elapsed = max(1, last.at - first.at) / 1e9
        # What was used between two looks is taken to have been used evenly.
        part = min(1.0, (ended - began) / 1e9 / elapsed)
        busiest = max((ran - first.generator.get(thread, 0) for thread, ran in last.generator.items()), default=0)
        return {component: seconds * part for component, seconds in used.items()}, busiest / 1e9 / elapsed

    def _keep_looking(self) -> None:
        while not self._over.wait(LOOKS_EVERY):
            self.look()


def slope(points: Sequence[tuple[float, float]]) -> float | None:
    """Of a line through the points; None if there are too few of them to say."""
    if len(points) < 4 or len({x for x, _ in points}) < 4:
        return None
    middle_x, middle_y = (sum(each[axis] for each in points) / len(points) for axis in (0, 1))
    across = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / across
