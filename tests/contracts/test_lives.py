"""How layers bear the lives of those who use them: cancelled readers, slow ones, threads, forks, and a thousand who
come and go."""

import asyncio
import gc
import multiprocessing
import threading
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync

from tests.contracts.conftest import MakePair
from tests.contracts.pairs import Pair

pytestmark = pytest.mark.asyncio

FORKING = multiprocessing.get_context("fork")


async def test_a_reader_who_is_cancelled_again_and_again_hears_everything_in_order(pair: Pair) -> None:
    channel = await pair.channel("general")
    heard: list[int] = []

    async def speak() -> None:
        for number in range(60):
            await pair.sender.group_send("general", {"type": "count", "number": number})
            await asyncio.sleep(0.001)

    speaking = asyncio.create_task(speak())
    for attempt in range(400):
        reader = asyncio.create_task(pair.receiver.receive(channel))
        await asyncio.wait([reader], timeout=0.0005 * (attempt % 5))
        if not reader.done():
            reader.cancel()
        await asyncio.wait([reader])
        if not reader.cancelled():
            heard.append(reader.result()["number"])
        if speaking.done() and heard[-1:] == [59]:
            break
    await speaking

    if pair.layer.cancelled_readers_miss_nothing:
        assert heard + [event["number"] for event in await pair.hear_all(channel)] == list(range(60))
    else:  # by chance: which of them, and in which order
        assert set(heard) <= set(range(60))


async def test_a_reader_who_does_not_read_harms_only_itself(make_pair: MakePair) -> None:
    pair = await make_pair(capacity=5)
    slow, quick = await pair.channel("general"), await pair.channel("general")

    for number in range(20):
        await pair.sender.group_send("general", {"type": "count", "number": number})
        assert (await pair.hear(quick))["number"] == number
    kept = 20 if not pair.layer.holds_at_most_capacity else 5

    assert (await pair.hear(slow))["number"] == (0 if pair.layer.drops_the_newest else 20 - kept)


async def test_threads_without_an_event_loop_publish(pair: Pair) -> None:
    channel = await pair.channel("general")

    def speak(number: int) -> None:
        async_to_sync(pair.sender.group_send)("general", {"type": "count", "number": number})

    for number in range(3):
        await asyncio.to_thread(speak, number)

    if not pair.layer.single_process:
        assert [(await pair.hear(channel))["number"] for _ in range(3)] == [0, 1, 2]


async def test_several_event_loops_publish_at_once(pair: Pair) -> None:
    channel = await pair.channel("general")
    if pair.layer.single_process:
        return

    def speak(number: int) -> None:
        asyncio.run(speaking(number))

    async def speaking(number: int) -> None:
        for _ in range(5):
            await pair.sender.group_send("general", {"type": "count", "number": number})

    threads = [threading.Thread(target=speak, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    heard = sorted([(await pair.hear(channel))["number"] for _ in range(20)])
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert heard == sorted([0, 1, 2, 3] * 5)


async def test_a_process_that_was_forked_publishes_and_its_parent_goes_on(pair: Pair) -> None:
    if pair.layer.single_process:
        return
    channel = await pair.channel("general")
    await pair.sender.group_send("general", {"type": "before"})
    assert await pair.hear(channel) == {"type": "before"}

    async def speak() -> None:
        async with asyncio.timeout(10):
            await pair.sender.group_send("general", {"type": "of.the.child"})

    child = FORKING.Process(target=lambda: asyncio.run(speak()))
    child.start()
    await asyncio.to_thread(child.join, 30)
    if child.is_alive():
        child.kill()
    went_on = child.exitcode == 0
    try:
        await pair.sender.group_send("general", {"type": "after"})
    except Exception:  # parent and child have shared a connection
        went_on = False

    # Where it is not promised, chance decides whether both draw the same connection from their pools.
    if pair.layer.publishes_after_fork:
        assert went_on
        assert [(await pair.hear(channel))["type"] for _ in range(2)] == ["of.the.child", "after"]


async def test_a_thousand_who_come_and_go_leave_nothing_behind(pair: Pair, later: Callable[[float], None]) -> None:
    async def come_and_go() -> None:
        channel = await pair.receiver.new_channel()
        await pair.receiver.group_add("general", channel)
        reader = asyncio.create_task(pair.receiver.receive(channel))
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.wait([reader])
        await pair.receiver.group_discard("general", channel)

    async def objects_after(times: int) -> int:
        for _ in range(times):
            await come_and_go()
        gc.collect()
        return len(gc.get_objects())

    before = await objects_after(100)
    await objects_after(1_000)
    later(120)
    grown = await objects_after(100) - before

    assert (grown < 1_000) == pair.layer.leaves_nothing_behind
