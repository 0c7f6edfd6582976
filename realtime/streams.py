"""A stream in one process: the changes of one room (or of the notices), delivered in the order of their numbers.

The layer may lose, repeat or reorder: what is next is delivered, what is ahead of its turn waits a moment, and a gap
that stays is read from the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

from realtime.fan_out import Audience, FanOut, Listener, Outlet
from realtime.frames import EPHEMERAL, Batch, Frame
from realtime.groups import Group
from tenants import control

HOLD = 0.1  # seconds a change waits for an earlier one that may be told later, though committed before
MOST_KEPT = 1_000  # changes kept for somebody whose replay is being written, or that wait for an earlier one; past it
# they are read from the database

log = logging.getLogger("conclave.streams")


@dataclass(frozen=True, slots=True)
class Missed:
    """What a reading found: numbered texts in ascending order, and the number up to which they are all there is."""

    changes: Sequence[tuple[int, str]]
    through: int
    complete: bool = True
    only: Mapping[int, Audience] = field(default_factory=dict)  # who may hear a number; one that is missing: everybody


Read = Callable[[int], Awaitable[Missed]]
Told = tuple[Frame, Audience]


class Stream:
    def __init__(self, group: Group, read: Read, fan_out: FanOut) -> None:
        self.group, self._read = group, read
        self.through: int | None = None  # told up to here; None: nobody listens yet
        self._began = 0  # where `through` was when the first one went live
        self._known = 0  # the highest number that anybody has told of
        self._outlet = Outlet(group.key, fan_out)
        self._joining: dict[Listener, list[Frame] | None] = {}  # and what is kept for each; None: more than is kept
        self.last_traffic = 0.0  # of monotonic()
        self._waiting: dict[int, Told] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._repair: asyncio.Task[None] | None = None

    # Who listens.

    def hold(self, listener: Listener) -> None:
        """From now on keep for this listener what is told, until it goes live."""
        self._outlet.leave(listener)
        self._joining[listener] = []

    def go_live(self, listener: Listener, through: int) -> bool:
        """Its replay up to `through` is written: tell it what came since, then everything, in one step.

        False: what lies between was kept for nobody, or was more than is kept. It stays held; read on from `through`,
        and try again.
        """
        if listener not in self._joining:
            return True  # put out meanwhile: not let in
        kept = self._joining[listener]
        if kept is None or (self.through is not None and through < self._began):
            self._joining[listener] = []
            return False
        del self._joining[listener]
        rest = Batch(kept).after(through)
        through = (rest and rest.last) or through
        self._outlet.enter(listener, through)
        if rest:  # it may fall behind by this very write, and has been told it
            listener.deliver(rest)
        if self.through is None:
            self.through = self._began = through
            self._advance()
            if self.through < self._known:  # more has been told than was kept
                self._repair_later()
        else:
            self.check(through)
        return True

    def fall_behind(self, listener: Listener) -> int | None:
        """It takes no more for now. Returns up to where it has been told everything; None: it was not live."""
        told = self._outlet.leave(listener)
        self._forget_if_deserted()
        return told

    def drop(self, listener: Listener) -> None:
        self._outlet.leave(listener)
        self._joining.pop(listener, None)
        self._forget_if_deserted()

    def look_again(self) -> None:
        """Another way leads to one of its listeners."""
        self._outlet.look_again()

    @property
    def is_deserted(self) -> bool:
        return not self._outlet.is_heard and not self._joining

    def _forget_if_deserted(self) -> None:
        if self.is_deserted:
            self.through = None
            self._waiting.clear()

    # What they hear.

    def tell(self, number: int, text: str | None, only: Audience = None) -> None:
        """One event from the layer. 0: ephemeral, told to whoever is live (and among `only`), and forgotten. Without a
        text it was too long to travel, and is read from the database."""
        self.last_traffic = monotonic()
        only = None if only is None else frozenset(only)  # asked for each listener
        if not control.fresh():
            return  # rights may have ended unseen; what is numbered is repaired when control can be read again
        if number == EPHEMERAL:
            if self._outlet.is_heard and text is not None:
                self._outlet.push(Frame(text), only)
        elif self.through is None or number > self.through:
            self._known = max(self._known, number)
            if text is not None and len(self._waiting) < MOST_KEPT:
                self._waiting[number] = Frame(text, number), only
                self._advance()
            elif number - 1 == self.through:
                self._start_repair()  # nothing earlier is to come that would be worth waiting for
            else:
                self._repair_later()

    def check(self, head: int) -> bool:
        """The database is at `head`. True if this stream had not been told all of it; then it will be repaired."""
        behind = self.through is not None and head > self.through
        if behind:
            self._known = max(self._known, head)
            self._repair_later()
        return behind

    def _advance(self) -> None:
        if self.through is None:
            return
        while (told := self._waiting.pop(self.through + 1, None)) is not None:
            self.through += 1
            self._fan(*told)
        for number in [number for number in self._waiting if number <= self.through]:
            del self._waiting[number]
        if self._waiting:
            self._repair_later()

    def _fan(self, frame: Frame, only: Audience = None) -> None:
        self._outlet.push(frame, only)
        for listener, kept in self._joining.items():
            if kept is not None and (only is None or listener.user_id in only):
                kept.append(frame)
                if len(kept) > MOST_KEPT:
                    self._joining[listener] = None

    # Repair.

    def _repair_later(self) -> None:
        if self._timer is None and self._repair is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD, self._start_repair)

    def _start_repair(self) -> None:
        """Unless what was missing has come by itself in the meantime."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._repair is None and self.through is not None and self.through < self._known:
            self._repair = asyncio.create_task(self._read_missing(), name=f"repair {self.group.name}")

    async def _read_missing(self) -> None:
        try:
            complete = False
            while not complete and self.through is not None and control.fresh():
                missed = await self._read(self.through)
                complete = missed.complete
                self._take(missed)
        except Exception as error:  # the database is away: the audit comes back to it
            log.warning("%s cannot be repaired now: %r", self.group.name, error)
        finally:
            self._repair = None
            if self._waiting:
                self._repair_later()

    def _take(self, missed: Missed) -> None:
        if self.through is None:
            return
        for number, text in missed.changes:
            if number > self.through:
                self._fan(Frame(text, number), missed.only.get(number))
        self.through = max(self.through, missed.through)
        self._advance()
