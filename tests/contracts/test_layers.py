"""What every layer does, and what a layer does or does not as it declares."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from channels.exceptions import ChannelFull

from realtime.layers import Layer
from tests.contracts.conftest import MakePair
from tests.contracts.pairs import Broker, Pair

pytestmark = pytest.mark.asyncio

VALUES: dict[str, Any] = {
    "type": "chat.message",
    "text": "שלום 👩‍👩‍👧 \u0000 ✓",
    "bytes": b"\x00\xff",
    "numbers": [0, -1, 2**53, 1.5],
    "nothing": None,
    "yes": True,
    "nested": {"": [{}, []]},
}


async def test_a_channel_gets_what_is_sent_to_it(pair: Pair) -> None:
    channel = await pair.channel()

    await pair.sender.send(channel, VALUES)

    assert await pair.hear(channel) == VALUES


async def test_everybody_in_a_group_hears_an_event_once(pair: Pair) -> None:
    alice, bob = await pair.channel("general"), await pair.channel("general")
    await pair.receiver.group_add("general", bob)

    await pair.sender.group_send("general", VALUES)

    assert await pair.hear_all(alice) == [VALUES]
    assert await pair.hear_all(bob) == [VALUES]


async def test_a_sender_who_is_in_the_group_hears_it_too(pair: Pair) -> None:
    channel = await pair.channel("general")

    await pair.receiver.group_send("general", VALUES)

    assert await pair.hear_all(channel) == [VALUES]


async def test_only_the_group_hears_it(pair: Pair) -> None:
    insider, outsider = await pair.channel("general"), await pair.channel("general.2")

    await pair.sender.group_send("general", VALUES)
    await pair.sender.group_send("nobody-is-here", VALUES)

    assert await pair.hear_all(insider) == [VALUES]
    assert await pair.hear_all(outsider) == []


async def test_whoever_has_left_hears_nothing_more(pair: Pair) -> None:
    channel = await pair.channel("general", "random")
    await pair.receiver.group_discard("general", channel)
    await pair.receiver.group_discard("never-joined", channel)

    await pair.sender.group_send("general", {"type": "missed"})
    await pair.sender.group_send("random", {"type": "heard"})

    assert await pair.hear_all(channel) == [{"type": "heard"}]


async def test_nobody_hears_what_was_sent_before_they_joined(pair: Pair) -> None:
    witness = await pair.channel("general")
    await pair.sender.group_send("general", {"type": "missed"})

    channel = await pair.channel("general")
    await pair.sender.group_send("general", {"type": "heard"})

    assert await pair.hear_all(channel) == [{"type": "heard"}]
    assert await pair.hear_all(witness) == [{"type": "missed"}, {"type": "heard"}]


async def test_events_of_one_sender_arrive_in_order(pair: Pair) -> None:
    channel = await pair.channel("general")

    for number in range(0, 100, 2):
        await pair.sender.group_send("general", {"type": "count", "number": number})
        await pair.sender.send(channel, {"type": "count", "number": number + 1})

    assert [event["number"] for event in await pair.hear_all(channel)] == list(range(100))


@pytest.mark.parametrize("size", [7_999, 8_000, 8_001, 1_000_000])
async def test_long_events_arrive(pair: Pair, size: int) -> None:
    alice, bob = await pair.channel("general"), await pair.channel("general")

    await pair.sender.group_send("general", {"type": "long", "text": "x" * size})
    await pair.sender.group_send("general", {"type": "short"})

    for channel in (alice, bob):
        assert [len(event.get("text", "")) for event in await pair.hear_all(channel)] == [size, 0]


async def test_an_event_of_any_size_arrives(layer: Layer, new: Callable[..., Any]) -> None:
    """PostgreSQL refuses 8,000 bytes: the lengths of name and body meet that limit exactly somewhere in here."""
    one = new()
    refused = []
    for extra in range(5):
        channel = await one.new_channel("p" * (10 + extra))
        for size in range(5_780, 5_960, 3):
            try:
                await one.send(channel, {"text": "x" * size})
            except Exception as error:
                refused.append(error)

    assert (not refused) == layer.carries_every_size


@pytest.mark.parametrize("name", ["", "a room", "a" * 100, "général", "a/b"])
async def test_bad_names_are_refused(pair: Pair, name: str) -> None:
    channel = await pair.channel()
    refuses = pair.layer.refuses_bad_names or pair.is_bound

    joining = await refused(pair.receiver.group_add(name, channel))
    sending = await refused(pair.sender.group_send(name, {"type": "x"}))

    assert (joining and sending) == refuses


@pytest.mark.parametrize("name", ["room\n", "٣٤"])
async def test_names_that_only_look_right_are_refused(pair: Pair, name: str) -> None:
    channel = await pair.channel()
    refuses = pair.layer.refuses_lookalike_names or pair.is_bound

    joining = await refused(pair.receiver.group_add(name, channel))
    sending = await refused(pair.sender.group_send(name, {"type": "x"}))

    assert (joining and sending) == refuses


async def refused(call: Any) -> bool:
    """Whether the name is called bad, rather than accepted or failing on the way."""
    try:
        await call
    except Exception as error:
        return isinstance(error, TypeError)
    return False


async def test_the_longest_name_of_a_group_is_as_declared(pair: Pair) -> None:
    longest = 99 if pair.is_bound else pair.layer.longest_group
    channel = await pair.channel("g" * longest)

    await pair.sender.group_send("g" * longest, VALUES)

    assert await pair.hear_all(channel) == [VALUES]
    if longest < 99:
        with pytest.raises(Exception, match="too long"):
            await pair.receiver.group_add("g" * (longest + 1), channel)


async def test_a_full_channel_keeps_the_oldest_events(make_pair: MakePair) -> None:
    pair = await make_pair(capacity=3)
    channel, witness = await pair.channel("general"), await pair.channel()

    for number in range(10):
        await pair.sender.group_send("general", {"type": "count", "number": number})
    await pair.settle(witness)

    kept = 3 if pair.layer.holds_at_most_capacity else 10
    assert [(await pair.hear(channel))["number"] for _ in range(kept)] == list(range(kept))
    assert await pair.hear_all(channel) == []


async def test_sending_to_a_full_channel_is_an_error(make_pair: MakePair) -> None:
    pair = await make_pair(capacity=3)
    channel, witness = await pair.channel("general"), await pair.channel()
    for _ in range(3):
        await pair.sender.group_send("general", VALUES)
    await pair.settle(witness)

    if pair.layer.tells_when_full:
        with pytest.raises(ChannelFull):
            await pair.receiver.send(channel, VALUES)
    else:
        await pair.receiver.send(channel, VALUES)
        assert len(await pair.hear_all(channel)) == 4


async def test_channels_share_their_capacity_as_declared(make_pair: MakePair) -> None:
    pair = await make_pair(capacity=3)
    alice, bob = await pair.channel(), await pair.channel()

    for _ in range(3):
        await pair.sender.send(alice, VALUES)

    if pair.layer.shares_capacity:
        with pytest.raises(ChannelFull):
            await pair.sender.send(bob, VALUES)
    else:
        assert await pair.hear_all(bob) == []


async def test_events_that_nobody_has_read_for_long_are_dropped(pair: Pair, later: Callable[[float], None]) -> None:
    channel, witness = await pair.channel("general"), await pair.channel()
    await pair.sender.group_send("general", {"type": "old"})
    await pair.settle(witness)

    later(120)

    old = [] if pair.layer.drops_expired else [{"type": "old"}]
    assert await pair.hear_all(channel) == old


async def test_readers_that_start_at_once_get_one_copy_each(pair: Pair) -> None:
    """Copies come of a race, which a layer that is declared to lose it loses in one of these."""
    attempts = 1 if pair.layer.one_copy_to_readers_that_start_at_once else 20
    alike = [await _copies_for_readers_that_start_at_once(pair) == [1] * 5 for _ in range(attempts)]
    assert all(alike) == pair.layer.one_copy_to_readers_that_start_at_once


async def _copies_for_readers_that_start_at_once(pair: Pair) -> list[int]:
    channels = [await pair.receiver.new_channel() for _ in range(5)]
    for channel in channels:
        await pair.receiver.group_add("general", channel)
    readers = [asyncio.create_task(pair.hear(channel)) for channel in channels]
    while not all(reader.done() for reader in readers):
        await pair.sender.group_send("general", {"type": "are.you.there"})
        await asyncio.wait(readers, timeout=0.1)

    await pair.sender.group_send("general", {"type": "again"})

    return [(await pair.hear_all(channel)).count({"type": "again"}) for channel in channels]


async def test_two_readers_of_one_channel_share_its_events(pair: Pair) -> None:
    channel = await pair.channel()
    readers = [asyncio.create_task(pair.hear(channel)) for _ in range(2)]

    for number in range(2):
        await pair.sender.send(channel, {"type": "count", "number": number})

    assert sorted([(await reader)["number"] for reader in readers]) == [0, 1]


async def test_a_name_without_process_keeps_events_for_a_later_reader(layer: Layer, new: Callable[..., Any]) -> None:
    receiver = new()
    sender = receiver if layer.single_process else new()
    await sender.send("thumbnails", {"type": "early"})

    reader = asyncio.create_task(receiver.receive("thumbnails"))
    heard: set[Any] = set()
    while not heard:
        await sender.send("thumbnails", {"type": "late"})
        heard, _ = await asyncio.wait([reader], timeout=0.1)

    assert ((await reader)["type"] == "early") == layer.keeps_for_later_readers


async def test_a_process_adds_channels_of_others_to_groups_as_declared(pair: Pair) -> None:
    if pair.layer.single_process:
        return
    channel = await pair.channel()

    if pair.layer.adds_channels_of_others:
        await pair.sender.group_add("general", channel)
        await pair.sender.group_send("general", VALUES)
        assert await pair.hear_all(channel) == [VALUES]
    else:
        with pytest.raises((RuntimeError, ValueError)):
            await pair.sender.group_add("general", channel)


@pytest.mark.parametrize("trouble", ["drop_connections", "restart"])
async def test_whoever_listens_hears_again_after_trouble_with_the_broker(
    pair: Pair, broker: Broker, trouble: str
) -> None:
    channel = await pair.channel("general")
    await pair.sender.group_send("general", {"type": "before"})
    assert await pair.hear(channel) == {"type": "before"}
    reading = asyncio.create_task(pair.receiver.receive(channel))
    while not pair.layer.single_process and not broker.has_a_listener():
        await asyncio.sleep(0.01)

    await asyncio.to_thread(getattr(broker, trouble))

    assert await pair.hears_again(reading, "general") == pair.layer.hears_after_lost_connections
