"""Listeners and what they listen to, scripted: no server, no database."""

import asyncio
from collections.abc import Awaitable, Callable

from realtime.fan_out import FanOut, Outlet
from realtime.frames import Batch
from realtime.streams import Missed

PATIENCE = 15.0


class Ear:
    """A listener: keeps the numbers it was told."""

    user_id = 1
    write: Callable[[bytes], None] | None = None
    descriptor = -1

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.signals: list[str] = []

    def deliver(self, batch: Batch) -> None:
        self.heard += [frame.number for frame in batch.frames if frame.number]
        self.signals += [frame.text for frame in batch.frames if not frame.number]


class AtOnce(FanOut):
    """No turns and no rests: whatever is due is written on the spot."""

    def due(self, outlet: Outlet, at: float) -> None:
        while True:
            outlet.write(1 << 60)
            if outlet.ended():
                return


class Room:
    """What the database knows: a head, and every number up to it, read by pages."""

    def __init__(self, head: int = 0, page: int = 1000) -> None:
        self.head, self.page, self.readings = head, page, 0
        self.pause: Callable[[], Awaitable[None]] = _no_pause

    async def read(self, number: int) -> Missed:
        self.readings += 1
        through = self.head
        await self.pause()
        numbers = range(number + 1, through + 1)[: self.page]
        complete = not numbers or numbers[-1] == through
        return Missed([(each, str(each)) for each in numbers], through if complete else numbers[-1], complete)

    async def replay(self, ear: Ear, since: int) -> int:
        """As a consumer does it: written to this listener alone; returns up to where."""
        complete = False
        while not complete:
            missed = await self.read(since)
            ear.heard += [number for number, _ in missed.changes]
            since, complete = missed.through, missed.complete
        return since


async def _no_pause() -> None:
    await asyncio.sleep(0)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0)
