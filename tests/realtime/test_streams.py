"""A stream delivers every number once and in order, whatever the layer does to them."""

import asyncio
from collections.abc import Iterator
from random import Random
from unittest.mock import patch

import pytest

from realtime import groups, streams
from realtime.frames import Batch
from realtime.streams import Missed, Stream
from tenants import control
from tests.realtime.ears import AtOnce, Ear, Room, until

GROUP = groups.room("a" * 10, "general")


@pytest.fixture(autouse=True)
def prompt() -> Iterator[None]:
    """Rights are known to be current, and gaps are given no time to close by themselves."""
    with patch.object(control, "fresh", lambda: True), patch.object(streams, "HOLD", 0.0):
        yield


def listening(room: Room, since: int = 0) -> tuple[Stream, Ear]:
    stream, ear = Stream(GROUP, room.read, AtOnce()), Ear()
    stream.hold(ear)
    assert stream.go_live(ear, since)
    return stream, ear


def tell(stream: Stream, *numbers: int) -> None:
    for number in numbers:
        stream.tell(number, str(number))


async def test_told_in_reverse_order_is_delivered_in_order() -> None:
    stream, ear = listening(Room())
    tell(stream, 3, 2, 1)
    assert ear.heard == [1, 2, 3]


async def test_told_again_is_delivered_once() -> None:
    stream, ear = listening(Room())
    tell(stream, 1, 1, 2, 1, 2, 3, 3)
    assert ear.heard == [1, 2, 3]


async def test_a_gap_that_stays_is_read_and_delivered() -> None:
    room = Room(head=4)
    stream, ear = listening(room, since=1)
    tell(stream, 4)
    assert ear.heard == []
    await until(lambda: ear.heard == [2, 3, 4])


async def test_a_gap_that_closes_by_itself_costs_no_reading() -> None:
    room = Room(head=2)
    stream, ear = listening(room)
    tell(stream, 2, 1)
    for _ in range(5):  # the timer fires, and what it starts would have begun to read
        await asyncio.sleep(0)
    assert (ear.heard, room.readings) == ([1, 2], 0)


async def test_a_last_message_that_was_lost_is_found_by_the_audit() -> None:
    room = Room()
    stream, ear = listening(room)
    tell(stream, 1)
    room.head = 3
    assert stream.check(3)
    await until(lambda: ear.heard == [1, 2, 3])
    assert not stream.check(3)


async def test_a_long_gap_is_read_page_by_page() -> None:
    room = Room(head=25, page=4)
    stream, ear = listening(room)
    tell(stream, 25)
    await until(lambda: len(ear.heard) == 25)
    assert ear.heard == list(range(1, 26))


async def test_a_number_that_a_later_change_superseded_is_not_waited_for() -> None:
    """Number 2 was changed by 3: only 3 is there to read, and `through` covers both."""

    async def read(number: int) -> Missed:
        return Missed([(3, "3")], 3)

    stream, ear = Stream(GROUP, read, AtOnce()), Ear()
    stream.hold(ear)
    stream.go_live(ear, 1)
    tell(stream, 4)
    await until(lambda: ear.heard == [3, 4])


async def test_a_reading_that_fails_is_made_again() -> None:
    room = Room(head=2)
    failures = iter([OSError("the database is away")])

    async def read(number: int) -> Missed:
        for failure in failures:
            raise failure
        return await room.read(number)

    stream, ear = Stream(GROUP, read, AtOnce()), Ear()
    stream.hold(ear)
    stream.go_live(ear, 0)
    tell(stream, 2)
    await until(lambda: ear.heard == [1, 2])


async def test_what_is_told_during_a_replay_comes_after_it() -> None:
    room = Room()
    stream, first = listening(room)
    tell(stream, 1, 2)
    late = Ear()
    stream.hold(late)
    tell(stream, 3)
    room.head = 3
    late.heard += [1, 2]
    assert stream.go_live(late, 2)
    tell(stream, 4)
    assert first.heard == late.heard == [1, 2, 3, 4]


async def test_who_takes_up_a_room_again_is_held_until_the_new_replay_is_written() -> None:
    stream, ear = listening(Room())
    tell(stream, 1)
    stream.hold(ear)
    tell(stream, 2)
    assert ear.heard == [1]
    assert stream.go_live(ear, 1)
    tell(stream, 3)
    assert ear.heard == [1, 2, 3]


async def test_a_slow_replay_is_not_overtaken_by_a_stream_that_begins_beyond_it() -> None:
    """Two come at once to a room that nobody heard. One has read up to 1 when 2 and 3 are said and the other, who has
    read up to 3, goes live first: 2 and 3 are nobody's gap then, but the slow one's."""
    room = Room(head=1)
    stream, slow, quick = Stream(GROUP, room.read, AtOnce()), Ear(), Ear()
    stream.hold(slow)
    through = await room.replay(slow, 0)
    room.head = 3
    stream.hold(quick)
    assert stream.go_live(quick, await room.replay(quick, 0))
    assert not stream.go_live(slow, through), "it has to read again"
    assert stream.go_live(slow, await room.replay(slow, through))
    tell(stream, 4)
    assert slow.heard == quick.heard == [1, 2, 3, 4]


async def test_a_replay_that_reached_further_than_the_stream_is_not_told_again() -> None:
    """Number 1 was lost, and the newcomer has read it: that proves the gap, and the others are told at once."""
    room = Room(head=2)
    stream, ear = listening(room)
    newcomer = Ear()
    stream.hold(newcomer)
    assert stream.go_live(newcomer, await room.replay(newcomer, 0))
    await until(lambda: ear.heard == [1, 2])
    tell(stream, 3)
    assert ear.heard == newcomer.heard == [1, 2, 3]


class Full(Ear):
    """A reader whom whatever is written makes fall behind, in the middle of the writing."""

    def __init__(self) -> None:
        super().__init__()
        self.stream: Stream
        self.told: int | None = None

    def deliver(self, batch: Batch) -> None:
        super().deliver(batch)
        self.told = self.stream.fall_behind(self)


async def test_what_made_a_reader_fall_behind_is_not_told_again() -> None:
    room, ear = Room(), Full()
    ear.stream, _ = listening(room)
    ear.stream.hold(ear)
    assert ear.stream.go_live(ear, 0)
    room.head = 1
    tell(ear.stream, 1)
    assert ear.told == 1
    ear.stream.hold(ear)
    assert ear.stream.go_live(ear, await room.replay(ear, ear.told))
    assert ear.heard == [1]


async def test_who_falls_behind_while_going_live_is_not_live() -> None:
    room, ear = Room(), Full()
    ear.stream, _ = listening(room)
    ear.stream.hold(ear)
    room.head = 1
    tell(ear.stream, 1)
    assert ear.stream.go_live(ear, 0)
    assert ear.told == 1
    room.head = 2
    tell(ear.stream, 2)
    assert ear.heard == [1], "nothing more is written to who does not read"


async def test_what_is_told_while_nobody_is_live_is_not_kept_without_end() -> None:
    room, ear = Room(head=5_000), Ear()
    stream = Stream(GROUP, room.read, AtOnce())
    stream.hold(ear)
    tell(stream, *range(1, 5_001))
    assert len(stream._waiting) == streams.MOST_KEPT
    assert stream.go_live(ear, 0)
    await until(lambda: ear.heard == list(range(1, 5_001)))


async def test_a_signal_is_told_to_who_is_live_and_to_nobody_later() -> None:
    stream, ear = listening(Room())
    joining = Ear()
    stream.hold(joining)
    stream.tell(0, "typing")
    stream.go_live(joining, 0)
    assert (ear.signals, joining.signals, ear.heard) == (["typing"], [], [])


async def test_who_has_left_hears_nothing_more() -> None:
    stream, ear = listening(Room())
    other = Ear()
    stream.hold(other)
    stream.go_live(other, 0)
    tell(stream, 1)
    stream.drop(ear)
    tell(stream, 2)
    assert (ear.heard, other.heard) == ([1], [1, 2])


async def test_who_is_put_out_while_a_replay_is_written_is_not_let_in_by_its_end() -> None:
    stream, ear = listening(Room())
    leaving = Ear()
    stream.hold(leaving)
    stream.drop(leaving)
    assert stream.go_live(leaving, 0)
    tell(stream, 1)
    assert (ear.heard, leaving.heard) == ([1], [])


async def test_nothing_is_delivered_while_rights_are_unknown_and_all_of_it_afterwards() -> None:
    room = Room()
    stream, ear = listening(room)
    with patch.object(control, "fresh", lambda: False):
        room.head = 2
        tell(stream, 1, 2)
        stream.check(2)
        stream.tell(0, "typing")
        await asyncio.sleep(0)
        assert (ear.heard, ear.signals) == ([], [])
    stream.check(2)
    await until(lambda: ear.heard == [1, 2])


@pytest.mark.parametrize("seed", range(100))
async def test_whoever_comes_whenever_hears_every_number_once_and_in_order(seed: int) -> None:
    """People come, go and come back while numbers are committed, lost, repeated and told in any order."""
    chance = Random(seed)

    async def pause() -> None:
        for _ in range(chance.randrange(5)):
            await asyncio.sleep(0)

    room = Room(page=chance.choice([1, 3, 1000]))
    room.pause = pause
    stream = Stream(GROUP, room.read, AtOnce())
    reached: dict[Ear, int] = {}  # everybody who listens now, and since which number

    async def say() -> None:
        for _ in range(30):
            on_its_way = [room.head + 1, *([room.head + 2] if chance.random() < 0.4 else [])]
            room.head = on_its_way[-1]
            for number in chance.sample(on_its_way, len(on_its_way)) * chance.choice([1, 1, 2]):
                if chance.random() > 0.2:
                    tell(stream, number)
                await pause()

    async def come_and_go() -> None:
        ear, since = Ear(), chance.randint(0, room.head)
        reached[ear] = since
        for _ in range(chance.randint(1, 3)):
            stream.drop(ear)
            await pause()
            stream.hold(ear)
            await pause()
            since = await room.replay(ear, max([*ear.heard, since]))
            await pause()
            while not stream.go_live(ear, since):
                since = await room.replay(ear, since)
            for _ in range(chance.randrange(4)):
                await pause()
        if chance.random() < 0.3:
            stream.drop(ear)
            del reached[ear]

    await asyncio.gather(say(), *(come_and_go() for _ in range(4)))
    if reached:
        await until(
            lambda: stream.through is not None and not stream.check(room.head)
        )  # the audit, until it is content
    for ear, since in reached.items():
        assert ear.heard == list(range(since + 1, room.head + 1))
