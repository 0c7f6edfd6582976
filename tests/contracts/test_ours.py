"""What our own layers promise beyond the contract, over PostgreSQL and Redis alike."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio
import redis
import uvloop
from asgiref.sync import async_to_sync

from infra.local import Postgres, Valkey
from realtime.layers import LAYERS
from realtime.layers.fan_out import FanOutChannelLayer
from tests.contracts.pairs import PATIENCE, Broker, PostgresBroker, RedisBroker, instance

OURS = [name for name, layer in LAYERS.items() if layer.fans_out]


class Server:
    """The broker, and the sessions that our layers hold there."""

    def __init__(self, server: Postgres | Valkey) -> None:
        self.server = server
        self.broker: Broker = PostgresBroker(server) if isinstance(server, Postgres) else RedisBroker(server)

    def pids(self) -> list[int]:
        """Of the processes that serve a session, one for each."""
        if isinstance(self.server, Postgres):
            with psycopg.connect(self.server.url) as session:
                held = "SELECT pid FROM pg_stat_activity WHERE application_name = 'conclave layer'"
                return [pid for (pid,) in session.execute(held)]
        with redis.Redis.from_url(self.server.url) as client:
            held = [each for each in client.client_list() if each["name"] == "conclave-layer"]
            return [int(client.info("server")["process_id"])] * len(held)


@pytest.fixture(params=OURS)
def server(request: pytest.FixtureRequest, postgres: Postgres, valkey: Valkey) -> Server:
    return Server(valkey if LAYERS[request.param].needs_redis else postgres)


@pytest.fixture
def new(server: Server) -> Callable[[], FanOutChannelLayer]:
    def new() -> FanOutChannelLayer:
        name = "postgres" if isinstance(server.server, Postgres) else "redis"
        made: FanOutChannelLayer = instance(LAYERS[name], server.server.url, server.server.url)
        return made

    return new


@pytest_asyncio.fixture
async def layer(new: Callable[[], FanOutChannelLayer]) -> AsyncIterator[FanOutChannelLayer]:
    layer = new()
    yield layer
    await layer.close()


async def hear(layer: FanOutChannelLayer, channel: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await layer.receive(channel)


async def seen(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["drop_connections", "restart"])
async def test_a_gap_is_told_once_it_can_be_repaired(layer: FanOutChannelLayer, server: Server, trouble: str) -> None:
    gaps: list[str] = []
    layer.on_gap(lambda: gaps.append("gap"))
    channel = await layer.new_channel()
    await layer.group_add("general", channel)
    assert gaps == []

    await asyncio.to_thread(getattr(server.broker, trouble))

    await seen(lambda: gaps)
    await layer.group_send("general", {"type": "after"})
    assert await hear(layer, channel) == {"type": "after"}


@pytest.mark.asyncio
async def test_a_callback_that_fails_keeps_nobody_from_hearing_of_the_gap(
    layer: FanOutChannelLayer, server: Server
) -> None:
    gaps: list[str] = []
    layer.on_gap(failing)
    layer.on_gap(lambda: gaps.append("gap"))
    await layer.new_channel()

    await asyncio.to_thread(server.broker.drop_connections)

    await seen(lambda: gaps)


def failing(*_: object) -> None:
    raise RuntimeError("This callback fails.")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("listening", "redis", "link"):
        monkeypatch.setattr(f"realtime.layers.{module}.SILENCE", 0.1, raising=False)
        monkeypatch.setattr(f"realtime.layers.{module}.PATIENCE", 1)


@pytest.fixture
def frozen() -> Iterator[Callable[[int], None]]:
    """Stops a process for the length of a test: it stands for a machine that has vanished, whose connections stay open
    and say nothing."""
    pids: list[int] = []

    def freeze(pid: int) -> None:
        pids.append(pid)
        os.kill(pid, signal.SIGSTOP)

    yield freeze
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.asyncio
@pytest.mark.usefixtures("impatient")
async def test_a_server_that_has_gone_silent_is_noticed(
    layer: FanOutChannelLayer, server: Server, frozen: Callable[[int], None]
) -> None:
    gaps: list[str] = []
    layer.on_gap(lambda: gaps.append("gap"))
    channel = await layer.new_channel()
    await layer.attach("general", lambda event: None)
    pid = server.pids()[0]

    frozen(pid)
    if isinstance(
        server.server, Valkey
    ):  # one process is all of it: the connection is given up, and made when it wakes
        await seen(lambda: layer._post().broker._connection is None)  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGCONT)

    await seen(lambda: gaps)
    await layer.send(channel, {"type": "after"})
    assert await hear(layer, channel) == {"type": "after"}


@pytest.mark.asyncio
async def test_an_event_that_cannot_be_published_is_an_error(layer: FanOutChannelLayer, server: Server) -> None:
    await layer.group_send("general", {"type": "before"})
    server.server.stop()
    try:
        with pytest.raises((ConnectionError, psycopg.OperationalError)):
            await layer.group_send("general", {"type": "lost"})
    finally:
        server.server.start()

    for attempt in range(100):  # the connection is being made anew
        try:
            await layer.group_send("general", {"type": "after"})
        except ConnectionError:
            assert attempt < 99
            await asyncio.sleep(0.1)
        else:
            break


@pytest.mark.asyncio
async def test_what_is_published_at_once_keeps_its_order(layer: FanOutChannelLayer) -> None:
    heard: list[int] = []
    await layer.attach("general", lambda event: heard.append(event["number"]))

    await asyncio.gather(*(layer.publish("general", {"number": number}) for number in range(1_000)))

    await seen(lambda: len(heard) == 1_000)
    assert heard == list(range(1_000))


@pytest.mark.asyncio
async def test_what_nobody_waits_for_may_rest_and_is_overtaken_by_nothing(
    layer: FanOutChannelLayer, new: Callable[[], FanOutChannelLayer]
) -> None:
    other, there = new(), list[int]()
    await other.attach("general", lambda event: there.append(event["number"]))

    published = []
    for number in range(300):
        if number % 50 == 49:
            await layer.group_send("general", {"number": number})
            assert all(each.done() for each in published), "it has taken along what rested"
        else:
            published.append(layer.publish("general", {"number": number}))
            await asyncio.sleep(0)

    await seen(lambda: len(there) == 300)
    assert there == list(range(300))
    await other.close()


@pytest.mark.asyncio
async def test_what_is_told_to_be_with_the_broker_is_with_it(
    layer: FanOutChannelLayer, new: Callable[[], FanOutChannelLayer]
) -> None:
    """More than go at once, and many of them share a future: it is done when the last of them is there."""
    other, there = new(), list[int]()
    await layer.group_send("general", {"number": -1})
    await other.attach("general", lambda event: there.append(event["number"]))

    published = [layer.publish("general", {"number": number, "text": "x" * 500}) for number in range(3_000)]
    assert len(set(published)) < 100
    await published[0]
    done = [number for number, each in enumerate(published) if each.done()]
    await other.attach("afterwards", lambda event: None)  # returns when all that was there before has come
    assert set(done) <= set(there)

    await asyncio.gather(*published)
    await seen(lambda: there == list(range(3_000)))
    await other.close()


@pytest.mark.asyncio
async def test_who_is_attached_hears_what_is_sent_from_then_on_until_they_are_not(
    layer: FanOutChannelLayer, new: Callable[[], FanOutChannelLayer]
) -> None:
    other, heard = new(), list[Any]()
    witness = await layer.new_channel()
    await layer.group_add("general", witness)
    await other.group_send("general", {"type": "missed"})

    await layer.attach("general", heard.append)
    await other.group_send("general", {"type": "heard"})
    await other.group_send("elsewhere", {"type": "not.ours"})
    await seen(lambda: heard)
    await layer.detach("general")
    await other.group_send("general", {"type": "too.late"})

    assert [(await hear(layer, witness))["type"] for _ in range(3)] == ["missed", "heard", "too.late"]
    assert heard == [{"type": "heard"}]
    await other.close()


@pytest.mark.asyncio
async def test_who_is_attached_here_hears_at_once_and_everybody_else_from_the_broker(
    layer: FanOutChannelLayer, new: Callable[[], FanOutChannelLayer]
) -> None:
    other, here, there = new(), list[int](), list[int]()
    await layer.attach("general", lambda event: here.append(event["number"]))
    await other.attach("general", lambda event: there.append(event["number"]))
    member = await layer.new_channel()
    await layer.group_add("general", member)

    published = layer.publish("general", {"number": 1})
    assert (here, there) == ([1], []), "nothing has been waited for"
    await published
    await seen(lambda: there)
    await other.group_send("general", {"number": 2})  # when it has come, so has the echo of the first

    await seen(lambda: len(here) > 1)
    assert (here, there) == ([1, 2], [1, 2]), "to each once"
    assert [(await hear(layer, member))["number"] for _ in range(2)] == [1, 2]
    await other.close()


@pytest.mark.asyncio
async def test_without_the_broker_who_is_attached_here_hears_all_the_same(
    layer: FanOutChannelLayer, server: Server
) -> None:
    heard: list[int] = []
    await layer.attach("general", lambda event: heard.append(event["number"]))
    server.server.stop()
    try:
        with pytest.raises((ConnectionError, psycopg.OperationalError)):
            await layer.publish("general", {"number": 1})
        assert heard == [1]
    finally:
        server.server.start()


@pytest.mark.asyncio
async def test_attaching_again_puts_another_in_the_place_of_the_first(layer: FanOutChannelLayer) -> None:
    first, second = list[Any](), list[Any]()
    await layer.attach("general", first.append)
    await layer.attach("general", second.append)

    await layer.group_send("general", {"type": "once"})

    await seen(lambda: second)
    assert (first, second) == ([], [{"type": "once"}])


@pytest.mark.asyncio
async def test_who_is_attached_and_fails_keeps_nobody_from_hearing(
    layer: FanOutChannelLayer, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Any] = []
    await layer.attach("general", failing)
    await layer.attach("elsewhere", heard.append)

    await layer.group_send("general", {"type": "x"})
    await layer.group_send("elsewhere", {"type": "y"})

    await seen(lambda: heard)
    assert "has failed" in caplog.text


@pytest.mark.asyncio
async def test_leaving_a_group_while_another_joins_it_leaves_the_other_in(layer: FanOutChannelLayer) -> None:
    one, other = await layer.new_channel(), await layer.new_channel()
    await layer.group_add("general", one)

    await asyncio.gather(layer.group_discard("general", one), layer.group_add("general", other))

    await layer.group_send("general", {"type": "x"})
    assert await hear(layer, other) == {"type": "x"}


@pytest.mark.asyncio
async def test_many_who_start_at_once_share_one_listening_session(layer: FanOutChannelLayer, server: Server) -> None:
    await seen(lambda: len(server.pids()) == 0)

    await asyncio.gather(*(layer.new_channel() for _ in range(50)))

    assert len(server.pids()) == 1


@pytest.mark.asyncio
async def test_closing_ends_the_sessions(layer: FanOutChannelLayer, server: Server) -> None:
    await layer.group_add("general", await layer.new_channel())

    await layer.close()

    await seen(lambda: len(server.pids()) == 0)


@pytest.mark.asyncio
async def test_consumers_that_were_killed_leave_nothing_behind(
    layer: FanOutChannelLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(100):
        await layer.group_add("general", await layer.new_channel())
    await layer.group_send("general", {"type": "unread"})
    survivor = await layer.new_channel()
    await layer.send(survivor, {"type": "all.have.it"})
    await hear(layer, survivor)

    mailboxes = layer._post().mailboxes
    later = asyncio.get_running_loop().time() + 120
    monkeypatch.setattr("realtime.layers.mailboxes.monotonic", lambda: later)
    newcomer = await layer.new_channel()

    await seen(lambda: not mailboxes._members and set(mailboxes._boxes) <= {survivor, newcomer})


@pytest.mark.asyncio
async def test_flushing_empties_channels_and_groups(layer: FanOutChannelLayer) -> None:
    channel, witness = await layer.new_channel(), await layer.new_channel()
    await layer.group_add("general", channel)
    await layer.send(channel, {"type": "old"})
    await layer.send(witness, {"type": "old"})
    await hear(layer, witness)

    await layer.flush()

    await layer.group_send("general", {"type": "missed"})
    await layer.send(channel, {"type": "new"})
    assert await hear(layer, channel) == {"type": "new"}


@pytest.mark.asyncio
async def test_a_message_is_a_dict(layer: FanOutChannelLayer) -> None:
    with pytest.raises(TypeError, match="A message is a dict, not list"):
        await layer.group_send("general", ["no"])  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_threads_with_event_loops_of_their_own_leave_no_session(
    layer: FanOutChannelLayer, server: Server
) -> None:
    channel = await layer.new_channel()
    threads = [
        threading.Thread(target=async_to_sync(layer.send), args=(channel, {"number": number})) for number in range(4)
    ]
    for thread in threads:
        thread.start()

    assert {(await hear(layer, channel))["number"] for _ in threads} == {0, 1, 2, 3}

    for thread in threads:
        await asyncio.to_thread(thread.join)
    await seen(lambda: len(server.pids()) == 1)


def test_it_works_on_uvloop(new: Callable[[], FanOutChannelLayer], server: Server) -> None:
    async def chat() -> None:
        layer = new()
        channel = await layer.new_channel()
        await layer.group_add("general", channel)
        for text in ("short", "long" * 10_000):
            await layer.group_send("general", {"text": text})
            assert await hear(layer, channel) == {"text": text}
        gaps: list[str] = []
        layer.on_gap(lambda: gaps.append("gap"))
        await asyncio.to_thread(server.broker.drop_connections)
        await seen(lambda: gaps)
        await layer.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(chat())


def test_loops_that_have_ended_are_forgotten(new: Callable[[], FanOutChannelLayer]) -> None:
    layer = new()

    for _ in range(5):
        asyncio.run(layer.group_send("general", {"type": "x"}))

    assert len(layer._posts) == 1
