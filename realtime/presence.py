"""Presence: who is online, told once to everybody who may know, and right again after any process has died.

Each process says once a second, in one statement for all organisations, whom it holds (realtime/leases.py), reads whom
the others hold, and tells its own sockets the difference to what it told them last. Nothing goes from process to
process, so nothing can be lost on the way.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from realtime import leases
from realtime.crowds import MOST_NAMED, Crowd, hears, named
from realtime.frames import Batch, Frame
from realtime.leases import People, Reading
from realtime.protocol import Presence as Told
from realtime.protocol import encode
from realtime.rights import Socket
from tenants import control
from tenants.actor import Actor
from tenants.schema import control_in_public, in_public

TICK = 1.0  # seconds; whoever comes within one is told in one frame
GRACE = 10.0  # seconds that somebody may be away untold: a page is loaded again, a train is in a tunnel
EVERYTHING = 60.0  # seconds between rounds that write and read everything, whatever was missed until then
LARGE = 5  # ticks between frames to organisations in which more are online than are named
LATE = 5.0  # seconds; who comes later than this must think that other processes are late too, rather than dead

log = logging.getLogger("conclave.presence")


class Presence:
    def __init__(self) -> None:
        self.name = secrets.token_hex(16)
        self._crowds: dict[str, Crowd] = {}
        self._stirred: set[str] = set()  # organisations whose people here may have changed
        self._untold: set[str] = set()  # … whose people anywhere may have, since that was told
        self._alive: set[str] = set()  # the other processes
        self._since: datetime | None = None
        self._everything_at = self._quiet_until = float("-inf")
        self._last: float | None = None
        self._ticks = 0

    # Who is here.

    async def enter(self, socket: Socket) -> tuple[list[int] | None, int | None]:
        """Its person is online from the next round on. Returns who has been told to be, as `Welcome` says it.

        Every change to that, its own coming too, is told to the socket: if it is welcomed before anything is awaited.
        """
        key = socket.actor.organization.key
        if key not in self._crowds:
            elsewhere = await in_public(leases.online, key)
            elsewhere.pop(self.name, None)
            self._alive |= elsewhere.keys()
            self._crowds.setdefault(key, Crowd(elsewhere))
        crowd = self._crowds[key]
        crowd.add(socket)
        self._stirred.add(key)
        return (named(crowd.told), len(crowd.told)) if hears(socket.actor) else (None, None)

    def leave(self, socket: Socket) -> None:
        """It is closed. Its person has left when they have no other for a while."""
        key = socket.actor.organization.key
        if key in self._crowds and socket in self._crowds[key]:
            self._crowds[key].drop(socket, asyncio.get_running_loop().time() + GRACE)
            self._stirred.add(key)

    def changed(self, socket: Socket, before: Actor) -> None:
        """Its person has another role, or wants to be seen, or no longer."""
        key = socket.actor.organization.key
        if key not in self._crowds or socket not in self._crowds[key]:
            return
        self._stirred.add(key)
        if hears(socket.actor) and not hears(before):
            told = self._crowds[key].told
            socket.deliver(_batch(Told(count=len(told), joined=named(told), left=[])))

    # The rounds.

    async def run(self) -> None:
        while True:
            try:
                await self.round()
            except Exception as error:  # the database is away: nobody is told anything until it is back
                log.warning("presence cannot be exchanged: %r", error)
            await asyncio.sleep(TICK)

    async def round(self) -> None:
        """Write what has changed here, read what has changed elsewhere, tell the difference."""
        now = asyncio.get_running_loop().time()
        everything = now >= self._everything_at
        self._stirred |= {key for key, crowd in self._crowds.items() if crowd.expire(now) or everything}
        mine, keys = {key: self._crowds[key].here() for key in self._stirred}, list(self._crowds)
        self._stirred = set()
        try:
            since = None if everything else self._since
            reading = await control_in_public(leases.exchange, self.name, mine, keys, since)
        except BaseException:
            self._everything_at = float("-inf")  # nobody knows what was written
            raise
        if self._last is not None and now - self._last > LATE:
            self._quiet_until = now + GRACE
        self._last, self._since = now, reading.at
        if everything:
            self._everything_at = now + EVERYTHING
        self._learn(reading, mine, keys if everything else [])
        self._tell(now)
        self._forget(mine)
        if everything:
            await control_in_public(leases.sweep, self.name)

    def _learn(self, reading: Reading, mine: Mapping[str, People], read_whole: Sequence[str]) -> None:
        for key, people in mine.items():
            self._crowds[key].written = people
        for key in read_whole:
            self._crowds[key].elsewhere = {}
        for process, key, people in reading.rows:
            if process != self.name:
                self._crowds[key].elsewhere[process] = people
        others = reading.alive - {self.name}
        for process in self._alive - others:
            for crowd in self._crowds.values():
                crowd.elsewhere.pop(process, None)
        if others - self._alive:  # perhaps one that was taken for dead: its rows are older than what is read each time
            self._everything_at = float("-inf")
        everybody = self._crowds if read_whole or others != self._alive else ()
        self._untold.update(mine, (key for _, key, _ in reading.rows), everybody)
        self._alive = others

    def _tell(self, now: float) -> None:
        """One frame per organisation, framed once. Nothing while rights cannot be read, as with every other event."""
        self._ticks += 1
        if now < self._quiet_until or not control.fresh():
            return
        for key in list(self._untold):
            crowd = self._crowds.get(key)
            if crowd and len(crowd.online) > MOST_NAMED and self._ticks % LARGE:
                continue
            self._untold.discard(key)
            if crowd and (told := crowd.news()):
                batch = _batch(told)
                for socket in crowd.listeners():
                    socket.deliver(batch)  # also to who is behind: without a difference they would be wrong ever after

    def _forget(self, keys: Iterable[str]) -> None:
        """Organisations of which nobody is here any more, as the database knows too."""
        for key in keys:
            if self._crowds[key].is_over and key not in self._stirred:
                del self._crowds[key]


def _batch(told: Told) -> Batch:
    return Batch([Frame(encode(told))])
