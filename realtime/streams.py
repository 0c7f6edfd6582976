"""A stream in one process: the changes of one room (or of the notices), delivered in the order of their numbers.

The layer may lose, repeat or reorder: what is next is delivered, what is ahead of its turn waits a moment, and a gap
that stays is read from the database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from realtime.groups import Group
from tenants import control

HOLD = 0.1  # seconds a change waits for an earlier one that may be told later, though committed before

log = logging.getLogger("conclave.streams")


class Listener(Protocol):
    """A socket, as a stream sees it."""

    @property
    def user_id(self) -> int:
        """Whose it is."""

    def deliver(self, text: str) -> None:
        """Take the text of a numbered change for sending. Must not block and must not raise."""

    def deliver_signal(self, text: str) -> None:
        """The same for something ephemeral: dropped first."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What a reading found: numbered texts in ascending order, and the number up to which they are all there is."""

    changes: Sequence[tuple[int, str]]
    through: int
    complete: bool = True


Read = Callable[[int], Awaitable[Missed]]


class Stream:
    def __init__(self, group: Group, read: Read) -> None:
        self.group, self._read = group, read
        self.through: int | None = None  # delivered up to here; None: nobody listens yet
        self._began = 0  # where `through` was when the first one went live
        self._known = 0  # the highest number that anybody has told of
        self.live: set[Listener] = set()
        self.joining: dict[Listener, list[tuple[int, str]]] = {}
        self._ahead: dict[Listener, int] = {}  # whose replay reached further than the stream: not told that again
        self.last_traffic = 0.0
        self._waiting: dict[int, str] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._repair: asyncio.Task[None] | None = None

    def hold(self, listener: Listener) -> None:
        """From now on keep for this listener what is told, until it goes live."""
        self.live.discard(listener)
        self.joining[listener] = []

    def go_live(self, listener: Listener, through: int) -> bool:
        """Its replay up to `through` is written: tell it what came since, then everything, in one step.

        False: meanwhile the stream has begun, with somebody whose replay reached further, and what lies between was
        kept for nobody. It stays held; read on from `through`, and try again.
        """
        if listener not in self.joining:
            return True  # put out meanwhile: not let in
        if self.through is not None and through < self._began:
            return False
        for number, text in self.joining.pop(listener):
            if number > through:
                listener.deliver(text)
        self.live.add(listener)
        if self.through is None:
            self.through = self._began = through
            self._advance()
        elif self.check(through):
            self._ahead[listener] = through
        return True

    def drop(self, listener: Listener) -> None:
        self.live.discard(listener)
        self.joining.pop(listener, None)
        self._ahead.pop(listener, None)
        if not self.live and not self.joining:
            self.through = None
            self._waiting.clear()

    @property
    def is_deserted(self) -> bool:
        return not self.live and not self.joining

    def tell(self, number: int, text: str, only: Sequence[int] | None = None) -> None:
        """One event from the layer. 0: ephemeral, told to whoever is live (and among `only`), and forgotten."""
        self.last_traffic = asyncio.get_running_loop().time()
        if not control.fresh():
            return  # rights may have ended unseen; what is numbered is repaired when control can be read again
        if number == 0:
            for listener in self.live if only is None else [each for each in self.live if each.user_id in only]:
                listener.deliver_signal(text)
        elif self.through is None or number > self.through:
            self._waiting[number] = text
            self._known = max(self._known, number)
            self._advance()

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
        while (text := self._waiting.pop(self.through + 1, None)) is not None:
            self.through += 1
            self._fan(self.through, text)
        for number in [number for number in self._waiting if number <= self.through]:
            del self._waiting[number]
        if self._waiting:
            self._repair_later()

    def _fan(self, number: int, text: str) -> None:
        for listener in self._all_but_those_ahead(number) if self._ahead else self.live:
            listener.deliver(text)
        for held in self.joining.values():
            held.append((number, text))

    def _all_but_those_ahead(self, number: int) -> set[Listener]:
        self._ahead = {listener: through for listener, through in self._ahead.items() if through >= number}
        return self.live - self._ahead.keys()

    def _repair_later(self) -> None:
        if self._timer is None and self._repair is None:
            self._timer = asyncio.get_running_loop().call_later(HOLD, self._start_repair)

    def _start_repair(self) -> None:
        """Unless what was missing has come by itself in the meantime."""
        self._timer = None
        if self.through is not None and self.through < self._known:
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
                self._fan(number, text)
        self.through = max(self.through, missed.through)
        self._advance()
