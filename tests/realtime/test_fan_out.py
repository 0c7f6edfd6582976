"""Many sockets are written to in turns: everything in order, each once, and nobody waits for another's crowd."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import pytest

from realtime import fan_out
from realtime.fan_out import FanOut, Outlet
from realtime.frames import Batch, Frame
from realtime.sends import Sender
from tenants.schema import in_public, is_asked
from tests.realtime.ears import Ear, until


class Bad(Ear):
    def deliver(self, batch: Batch) -> None:
        raise RuntimeError("This listener breaks its word.")


class Counting(Ear):
    """Counts writes: how often something was delivered to it, however much."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def deliver(self, batch: Batch) -> None:
        super().deliver(batch)
        self.writes += 1


def crowd(turns: FanOut, size: int, key: str = "acme") -> tuple[Outlet, list[Counting]]:
    outlet, ears = Outlet(key, turns), [Counting() for _ in range(size)]
    for ear in ears:
        outlet.enter(ear, 0)
    return outlet, ears


def change(number: int, size: int = 200) -> Frame:
    return Frame("x" * size, number)


async def test_what_piles_up_shares_one_write() -> None:
    outlet, ears = crowd(FanOut(), 10)
    for number in range(1, 21):
        outlet.push(change(number))
    await until(lambda: all(ear.heard == list(range(1, 21)) for ear in ears))
    assert {ear.writes for ear in ears} == {1}


async def test_a_quiet_group_waits_for_nothing() -> None:
    outlet, (ear,) = crowd(FanOut(), 1)
    outlet.push(change(1))
    assert ear.heard == [], "in this very moment others may have something for it, too"
    await asyncio.sleep(0)
    assert ear.heard == [1]


async def test_a_busy_group_rests_and_then_writes_what_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of this test, a write to anybody takes two milliseconds."""
    now = 0.0

    class Slow(Counting):
        def deliver(self, batch: Batch) -> None:
            nonlocal now
            super().deliver(batch)
            now += 0.002

    monkeypatch.setattr(fan_out, "perf_counter", lambda: now)
    outlet, ears = Outlet("acme", FanOut()), [Slow() for _ in range(3)]
    for ear in ears:
        outlet.enter(ear, 0)
    outlet.push(change(1))
    await until(lambda: all(ear.heard == [1] for ear in ears))
    for number in (2, 3, 4):
        outlet.push(change(number))
        await asyncio.sleep(0)
    await until(lambda: all(ear.heard == [1, 2, 3, 4] for ear in ears))
    assert {ear.writes for ear in ears} == {2}


async def test_a_crowd_does_not_hold_up_another_organisation() -> None:
    turns = FanOut()
    notice, many = crowd(turns, 5_000)
    chat, few = crowd(turns, 5, "globex")
    notice.push(change(1))
    chat.push(change(1))
    await until(lambda: all(ear.heard for ear in few))
    told = sum(bool(ear.heard) for ear in many)
    assert told < 1_000, "the others were told when the crowd had had its first turn"
    await until(lambda: all(ear.heard == [1] for ear in many))


async def test_the_event_loop_runs_while_a_crowd_is_written_to() -> None:
    outlet, ears = crowd(FanOut(), 5_000)
    outlet.push(change(1))
    rounds = 0
    while not all(ear.heard for ear in ears):
        await asyncio.sleep(0)
        rounds += 1
    assert rounds > 5


async def test_a_crowd_gives_way_while_somebody_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop rests between two slices, so that the database's threads can compute: timers run in between."""
    monkeypatch.setattr(fan_out, "BREATH", 0.02)
    turns, asked = FanOut(), threading.Event()
    waiting = asyncio.create_task(in_public(asked.wait))
    await until(is_asked)
    outlet, ears = crowd(turns, 1_000)
    outlet.push(change(1))
    await asyncio.sleep(0.01)
    told = sum(bool(ear.heard) for ear in ears)
    assert 0 < told < 200, "one slice, and a rest"

    asked.set()
    await waiting
    assert not is_asked()
    await until(lambda: all(ear.heard == [1] for ear in ears))


async def test_who_leaves_while_a_crowd_is_written_to_hears_nothing_more() -> None:
    outlet, ears = crowd(FanOut(), 5_000)
    outlet.push(change(1))
    await asyncio.sleep(0)
    late = ears[-1]
    assert not late.heard
    outlet.leave(late)
    await until(lambda: all(ear.heard for ear in ears[:-1]))
    assert late.heard == []


async def test_who_has_it_already_is_not_told_again() -> None:
    outlet, (ear,) = crowd(FanOut(), 1)
    ahead = Counting()
    outlet.enter(ahead, 2)
    for number in (1, 2, 3):
        outlet.push(change(number))
    outlet.push(Frame("typing"))
    await until(lambda: ear.heard == [1, 2, 3])
    assert ahead.heard == [3]
    assert ahead.signals == ["typing"]


async def test_up_to_where_somebody_was_told_is_known_at_any_time() -> None:
    """So that a reader who falls behind comes back to the very number."""
    outlet, ears = crowd(FanOut(), 3_000)
    chance, number = Random(7), 0
    for _ in range(200):
        if chance.random() < 0.5:
            number += 1
            outlet.push(change(number))
        await asyncio.sleep(0)
        for ear in chance.sample(ears, 20):
            told = outlet.leave(ear)
            assert told == (ear.heard[-1] if ear.heard else 0)
            outlet.enter(ear, told)


class Wired(Ear):
    """Takes frames as they go over the wire, by the short way or the long one."""

    def __init__(self, short: bool) -> None:
        super().__init__()
        self.taken = b""
        self.write = self._take if short else None

    def _take(self, frames: bytes) -> None:
        self.taken += frames

    def deliver(self, batch: Batch) -> None:
        self._take(batch.wire)


class Plugged(Wired):
    """Has a socket that is written to past it; what that does not take comes to it, and waits."""

    def __init__(self) -> None:
        super().__init__(True)
        self.other_end, self.socket = socket.socketpair()
        for end in (self.other_end, self.socket):
            end.setblocking(False)
        self.descriptor = self.socket.fileno()
        self.waits = b""
        self.clogged: Callable[[], None] = lambda: None

    def _take(self, frames: bytes) -> None:
        """The numbered come this way, too, and at once as long as nothing waits."""
        if not self.waits:
            with suppress(BlockingIOError):
                frames = frames[self.socket.send(frames) :]
        self.waits += frames
        if self.waits:
            self.descriptor = -1
            self.clogged()

    def reads(self) -> bytes:
        """All that it has been told by now."""
        while True:
            try:
                self.taken += self.other_end.recv(1 << 16)
            except BlockingIOError:
                return self.taken + self.waits


@pytest.fixture
def plugged() -> Iterator[Callable[[], Plugged]]:
    made = list[Plugged]()
    yield lambda: made.append(Plugged()) or made[-1]  # type: ignore[func-returns-value]
    for ear in made:
        ear.socket.close()
        ear.other_end.close()


class ByHand(FanOut):
    """Written when the test says so: nobody leaves between the two of a pair."""

    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self.sender = sender

    def due(self, outlet: Outlet, at: float) -> None:
        pass


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("shortest", [True, False])
def test_who_takes_frames_as_they_are_is_told_the_same_as_who_does_not(
    together: bool, shortest: bool, plugged: Callable[[], Plugged], sender: Sender
) -> None:
    """On the short ways and on the long one, whether somebody has a part already, is meant, or leaves and comes back;
    in one group, and in two: where all have a socket to write to, nobody is looked at."""
    outlets = [Outlet("acme", ByHand(sender)) for _ in range(1 if together else 2)]
    pairs = [((outlets[0], plugged() if shortest else Wired(True)), (outlets[-1], Wired(False))) for _ in range(200)]
    chance, number = Random(8), 0
    for person, pair in enumerate(pairs):
        for outlet, ear in pair:
            ear.user_id = person
            outlet.enter(ear, 30 if person % 7 == 0 else 0)
    for _ in range(300):
        numbered = chance.random() < 0.7
        number += numbered
        only = set(chance.sample(range(200), 10)) if chance.random() < 0.2 else None
        writes, all_of_it = chance.random() < 0.5, together or chance.random() < 0.5
        for outlet in outlets:
            outlet.push(change(number) if numbered else Frame(f"signal {number}"), only)
            if writes:
                outlet.write(1 << 60 if all_of_it else 1)  # or a slice: somebody leaves in the middle
                outlet.ended()
        for outlet, ear in chance.choice(pairs):
            if outlet.leave(ear) is None:
                outlet.enter(ear, number)
    for (_, short), (_, long) in pairs:
        assert (short.reads() if isinstance(short, Plugged) else short.taken) == long.taken
    assert len({long.taken for _, (_, long) in pairs}) > 50, "each has a story of its own"


def test_what_a_socket_does_not_take_waits_with_its_owner_and_is_not_overtaken(
    plugged: Callable[[], Plugged], sender: Sender
) -> None:
    outlet, ears = Outlet("acme", ByHand(sender)), [plugged() for _ in range(4)]
    slow = ears[2]
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    slow.clogged = outlet.look_again
    for ear in ears:
        outlet.enter(ear, 0)
    said = [Frame(f"{number} " + "x" * 3000) for number in range(20)]
    for frame in said:
        outlet.push(frame)
        outlet.write(1 << 60)
        outlet.ended()
        for ear in ears:
            if ear is not slow:
                ear.reads()
    assert slow.waits, "it was really behind"
    assert all(ear.reads() == b"".join(frame.wire for frame in said) for ear in ears)


def test_a_socket_that_is_lost_is_its_transports_matter_and_nobody_elses(
    plugged: Callable[[], Plugged], sender: Sender
) -> None:
    outlet, (one, lost, other) = Outlet("acme", ByHand(sender)), (plugged(), plugged(), plugged())
    for ear in (one, lost, other):
        outlet.enter(ear, 0)
    left = list[bytes]()
    lost.other_end.close()
    lost.write = left.append
    signal = Frame("a signal")
    outlet.push(signal)
    outlet.write(1 << 60)
    assert left == [signal.wire]
    assert one.reads() == other.reads() == signal.wire


async def test_what_is_for_some_keeps_its_place_among_what_is_for_all() -> None:
    outlet, (one, other) = crowd(FanOut(), 2)
    other.user_id = 2
    outlet.push(change(1))
    outlet.push(change(2), only=[2])
    outlet.push(change(3))
    await until(lambda: other.heard == [1, 2, 3])
    assert one.heard == [1, 3]


async def test_what_is_for_one_of_a_crowd_takes_the_turn_of_one() -> None:
    outlet, ears = crowd(FanOut(), 5_000)
    ears[-1].user_id = 2
    outlet.push(change(1), only=[2])
    await asyncio.sleep(0)
    assert ears[-1].heard == [1], "nobody else was waited for"
    assert sum(ear.writes for ear in ears) == 1


async def test_a_listener_who_fails_ends_nobody_elses_turn(caplog: pytest.LogCaptureFixture) -> None:
    turns = FanOut()
    bad, good = Outlet("acme", turns), Outlet("globex", turns)
    bad.enter(Bad(), 0)
    ear = Ear()
    good.enter(ear, 0)
    bad.push(change(1))
    good.push(change(1))
    await until(lambda: ear.heard == [1])
    bad.push(change(2))
    good.push(change(2))
    await until(lambda: ear.heard == [1, 2])
    assert "is lost to some" in caplog.text
