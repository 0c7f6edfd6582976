"""Writing one thing to many sockets: what piles up shares one write, and no organisation waits for another's crowd.

Per delivery the kernel is the price (about 5.6 us for a write to a local socket, measured), so under load fewer and
longer writes are all that helps. A group that has just been written to waits for a part of the time that this took,
and what comes meanwhile goes with the next write; a quiet group waits for nothing.
"""

import asyncio
import logging
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from time import perf_counter
from typing import Protocol

from realtime.frames import Batch, Frame
from realtime.ring import LONGEST
from realtime.sends import Sender, best
from tenants.schema import is_asked

# After a writing of `t` seconds a group rests for PACE * t, at most REST seconds. With a half instead of three quarters
# a delivery at 300/s × 1,000 costs 2.2 us instead of 1.96, with the same p99 (conclave bench fanout --scenarios R300).
PACE, REST = 0.75, 0.005
# Deficit round robin: what an organisation may write before it is another's turn, in bytes; a write costs as much as
# this many bytes on top of its own (a syscall costs what copying some kilobytes does).
QUANTUM, WRITE = 256 * 1024, 1024
# After so much of one crowd, about a millisecond of writing, the event loop has its turn; and if somebody waits for the
# database, a rest of BREATH seconds: its threads get the interpreter in it, which a busy loop would give them half a
# millisecond late at each of their steps. A notice to 5,000 takes 75 ms with or without; another organisation's chat
# had a p99 of 4 times its own alone meanwhile, and has about 1.9 times (conclave bench notices --sockets 5000).
SLICE, BREATH = 160 * 1024, 0.001


class Listener(Protocol):
    """A socket, as what is told sees it."""

    @property
    def user_id(self) -> int:
        """Whose it is."""

    @property
    def write(self) -> "Write | None":
        """The short way: takes frames as they go over the wire, all of them. None: what is told is delivered."""

    @property
    def descriptor(self) -> int:
        """The shortest way, for one who has the short one: a socket that nothing waits for. -1: not now. Whoever ends
        or changes it says so first (`Outlet.leave`, `Outlet.look_again`)."""

    def deliver(self, batch: Batch) -> None:
        """Take it for sending. Must not block and must not raise."""


Write = Callable[[bytes], None]
Audience = Collection[int] | None  # people; None: everybody

log = logging.getLogger("conclave.fan_out")


class Outlet:
    """Those who hear one stream live, and what waits to be written to them."""

    def __init__(self, key: str, fan_out: "FanOut") -> None:
        self.key = key  # the organisation's: its turns are shared
        self._live: dict[Listener, int] = {}  # and the number up to which each has been told
        self._crowd: _Crowd | None = None
        self._fan_out = fan_out
        self._pending: list[tuple[Frame, Audience]] = []
        self._writing: Iterator[int] | None = None
        self._took = 0.0  # seconds, the writing under way
        self._rests_until = 0.0
        self._is_due = False

    def enter(self, listener: Listener, told: int) -> None:
        """It hears what is pushed from now on, but for what has a number that it has been told."""
        self._live[listener] = told
        self._crowd = None

    def leave(self, listener: Listener) -> int | None:
        """It hears nothing more. Returns the number up to which it has been told everything; None: it was not here."""
        self._crowd = None
        return self._live.pop(listener, None)

    @property
    def is_heard(self) -> bool:
        return bool(self._live)

    def look_again(self) -> None:
        """Somebody's descriptor is another one."""
        self._crowd = None

    def push(self, frame: Frame, only: Audience = None) -> None:
        """To everybody who is live when it is written, but for those whom it is not for, or who have it already."""
        self._pending.append((frame, only))
        if not self._is_due:
            self._is_due = True
            self._fan_out.due(self, self._rests_until)

    def write(self, most: int) -> int:
        """Go on writing until about so much is spent; returns what was."""
        began, spent = perf_counter(), 0
        if self._writing is None:
            pending, self._pending, self._took = self._pending, [], 0.0
            self._writing = self._writes(pending)
        for cost in self._writing:
            spent += cost
            if spent >= most:
                break
        else:
            self._writing = None
        now = perf_counter()
        self._took += now - began
        if self._writing is None:
            self._rests_until = now + min(PACE * self._took, REST)
        return spent

    def ended(self) -> bool:
        """Is the turn of this outlet over? If more has come meanwhile, it is due again, after its rest."""
        if self._writing is not None:
            return False
        self._is_due = bool(self._pending)
        if self._is_due:
            self._fan_out.due(self, self._rests_until)
        return True

    def _writes(self, pending: list[tuple[Frame, Audience]]) -> Iterator[int]:
        for batch, only in _batches(pending):
            cost = batch.size + WRITE
            at_once = -(-SLICE // cost)  # rounded up: one slice is a turn
            crowd: _Crowd | None = None
            if only is None and batch.first is None:
                crowd = self._crowd = self._crowd or _Crowd(self._live, self._fan_out.sender)
                listeners = crowd.listeners
            else:
                listeners = [each for each in self._live if only is None or each.user_id in only]
            for start in range(0, len(listeners), at_once):
                some = range(start, min(start + at_once, len(listeners)))
                if crowd and crowd is self._crowd and crowd.takes(some, batch.wire):
                    crowd.write(some, batch.wire)  # nobody has come or gone: nobody is looked at
                else:
                    self._write_to(listeners[some.start : some.stop], batch)
                yield cost * len(some)

    def _write_to(self, listeners: list[Listener], batch: Batch) -> None:
        """Of a delivery's time the kernel's is 6 us, and every object that is touched for it here costs 0.1: a crowd's
        do not fit the processor's cache (perf, conclave bench fanout --scenarios F)."""
        live, first, last, wire = self._live, batch.first, batch.last, batch.wire
        for listener in listeners:
            told = live.get(listener)
            if told is None:
                continue  # has left meanwhile
            if last is not None and last > told:
                live[listener] = last  # before: who falls behind by this very write has been told it
            if first is not None and told >= first:
                if rest := batch.after(told):
                    listener.deliver(rest)
            elif (write := listener.write) is not None:
                write(wire)
            else:
                listener.deliver(batch)


class _Crowd:
    """All who hear a stream, those first to whose sockets nothing stands in the way."""

    def __init__(self, live: Iterable[Listener], sender: Sender) -> None:
        self.listeners = sorted(live, key=lambda each: each.descriptor < 0)
        descriptors = array("i", (each.descriptor for each in self.listeners if each.descriptor >= 0))
        self._sender, self._orders, self._ready = sender, sender.orders(descriptors), len(descriptors)

    def takes(self, some: range, wire: bytes) -> bool:
        """Can they be written to past the transports? Not while database threads would take the interpreter each time
        that a write lets go of it."""
        is_free = self._sender.holds_interpreter or not is_asked()
        return some.stop <= self._ready and is_free and len(wire) <= LONGEST

    def write(self, some: range, wire: bytes) -> None:
        """What a socket does not take goes to its transport, whose matter its errors are, too."""
        for place, taken in self._sender.send(self._orders, some, wire):
            if (write := self.listeners[place].write) is not None:
                write(wire[taken:])


def _batches(pending: list[tuple[Frame, Audience]]) -> Iterator[tuple[Batch, Audience]]:
    """What is for everybody goes together; what is for some stands alone between, so that the order stays."""
    together: list[Frame] = []
    for frame, only in pending:
        if only is None:
            together.append(frame)
            continue
        if together:
            yield Batch(together), None
            together = []
        yield Batch([frame]), only
    if together:
        yield Batch(together), None


class FanOut:
    """The turns of a process: one organisation after the other writes to its sockets, and the event loop in between."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}
        self._order: deque[str] = deque()
        self._runs = False

    @cached_property
    def sender(self) -> Sender:
        """Made by the thread that writes, when there is something to write."""
        return best()

    def due(self, outlet: Outlet, at: float) -> None:
        """This outlet has something to write, not before `at` (of perf_counter)."""
        wait = at - perf_counter()
        if wait > 0.0005:  # timers count milliseconds
            asyncio.get_running_loop().call_later(wait, self._queue, outlet)
        else:
            self._queue(outlet)

    def _queue(self, outlet: Outlet) -> None:
        turn = self._turns.get(outlet.key)
        if turn is None:
            turn = self._turns[outlet.key] = _Turn()
            self._order.append(outlet.key)
        turn.outlets.append(outlet)
        if not self._runs:
            self._runs = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """A quantum's worth of turns, or a slice of a crowd, and then whatever else the loop has to do."""
        left = QUANTUM
        while self._order and left > 0:
            key = self._order.popleft()
            turn = self._turns[key]
            if turn.credit <= 0:  # else its last turn ended with a slice
                turn.credit += QUANTUM
            while turn.outlets and turn.credit > 0 and left > 0:
                spent = self._write(turn.outlets[0], min(turn.credit, SLICE))
                turn.credit -= spent
                left -= spent
                if turn.outlets[0].ended():
                    turn.outlets.popleft()
                else:
                    left = 0
            if turn.outlets:
                self._order.append(key)
            else:
                del self._turns[key]
        self._runs = bool(self._order)
        if self._runs and is_asked():
            asyncio.get_running_loop().call_later(BREATH, self._run)
        elif self._runs:
            asyncio.get_running_loop().call_soon(self._run)

    def _write(self, outlet: Outlet, most: int) -> int:
        try:
            return outlet.write(most)
        except Exception:  # a listener broke its word; the turns of the others go on
            log.exception("what was to be written to a group is lost to some of it")
            return WRITE


class _Turn:
    """What is left of one organisation's turn, and what it has to write."""

    __slots__ = ("credit", "outlets")

    def __init__(self) -> None:
        self.credit = 0
        self.outlets: deque[Outlet] = deque()
