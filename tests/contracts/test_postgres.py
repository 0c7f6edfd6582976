"""What our layer over PostgreSQL promises beyond the contract."""

import asyncio
import os
import signal
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import pytest_asyncio
import uvloop
from asgiref.sync import async_to_sync

from infra.local import Postgres
from realtime.layers.postgres import PostgresChannelLayer, packed
from tests.contracts.pairs import PATIENCE, PostgresBroker

Session = psycopg.Connection[Any]


@pytest_asyncio.fixture
async def layer(postgres_url: str) -> AsyncIterator[PostgresChannelLayer]:
    layer = PostgresChannelLayer(postgres_url, capacity=10_000)
    yield layer
    await layer.close()


@pytest.fixture
def session(postgres_url: str) -> Any:
    with psycopg.connect(postgres_url, autocommit=True) as session:
        yield session


async def hear(layer: PostgresChannelLayer, channel: str) -> Any:
    async with asyncio.timeout(PATIENCE):
        return await layer.receive(channel)


async def seen(happened: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.01)


def pids(session: Session) -> list[int]:
    rows = session.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'conclave layer'")
    return [pid for (pid,) in rows]


def sessions(session: Session) -> int:
    return len(pids(session))


@pytest.mark.asyncio
@pytest.mark.parametrize("trouble", ["drop_connections", "restart"])
async def test_a_gap_is_told_once_it_can_be_repaired(
    layer: PostgresChannelLayer, postgres: Postgres, trouble: str
) -> None:
    gaps: list[str] = []
    layer.on_gap(lambda: gaps.append("gap"))
    channel = await layer.new_channel()
    await layer.group_add("general", channel)
    assert gaps == []

    await asyncio.to_thread(getattr(PostgresBroker(postgres), trouble))

    await seen(lambda: gaps)
    await layer.group_send("general", {"type": "after"})
    assert await hear(layer, channel) == {"type": "after"}


@pytest.mark.asyncio
async def test_a_callback_that_fails_keeps_nobody_from_hearing_of_the_gap(
    layer: PostgresChannelLayer, postgres: Postgres
) -> None:
    gaps: list[str] = []
    layer.on_gap(failing)
    layer.on_gap(lambda: gaps.append("gap"))
    await layer.new_channel()

    await asyncio.to_thread(PostgresBroker(postgres).drop_connections)

    await seen(lambda: gaps)


@pytest.mark.asyncio
async def test_a_server_that_has_gone_silent_is_noticed(
    layer: PostgresChannelLayer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen process stands in for a machine that has vanished: its connection stays open and says nothing."""
    monkeypatch.setattr("realtime.layers.listening.SILENCE", 0.1)
    monkeypatch.setattr("realtime.layers.listening.PATIENCE", 1)
    gaps: list[str] = []
    layer.on_gap(lambda: gaps.append("gap"))
    channel = await layer.new_channel()
    (listening,) = pids(session)

    os.kill(listening, signal.SIGSTOP)
    try:
        await seen(lambda: gaps)
        await layer.send(channel, {"type": "after"})
        assert await hear(layer, channel) == {"type": "after"}
    finally:
        os.kill(listening, signal.SIGCONT)


def failing() -> None:
    raise RuntimeError("This callback fails.")


@pytest.mark.asyncio
async def test_an_event_that_cannot_be_published_is_an_error(layer: PostgresChannelLayer, postgres: Postgres) -> None:
    await layer.group_send("general", {"type": "before"})
    postgres.stop()
    try:
        with pytest.raises(psycopg.OperationalError):
            await layer.group_send("general", {"type": "lost"})
    finally:
        postgres.start()

    await layer.group_send("general", {"type": "after"})


@pytest.mark.asyncio
async def test_what_is_published_at_once_shares_transactions_and_keeps_its_order(
    layer: PostgresChannelLayer, session: Session
) -> None:
    channel = await layer.new_channel()
    await layer.group_add("general", channel)
    before = transactions(session)

    await asyncio.gather(*(layer.group_send("general", {"number": number}) for number in range(1_000)))

    assert transactions(session) - before < 50
    assert [(await hear(layer, channel))["number"] for _ in range(1_000)] == list(range(1_000))


def transactions(session: Session) -> int:
    row = session.execute("SELECT pg_current_xact_id()::text").fetchone()
    assert row
    return int(row[0])


@pytest.mark.asyncio
async def test_equal_events_published_at_once_all_arrive(layer: PostgresChannelLayer) -> None:
    channel = await layer.new_channel()

    await asyncio.gather(*(layer.send(channel, {"type": "same"}) for _ in range(10)))

    assert [await hear(layer, channel) for _ in range(10)] == [{"type": "same"}] * 10


@pytest.mark.asyncio
async def test_a_repetition_and_foreign_notifications_are_ignored(
    layer: PostgresChannelLayer, session: Session
) -> None:
    channel = await layer.new_channel()
    event = f"other 1 c{channel} {b64encode(packed({'type': 'once'})).decode()}"
    for payload in (event, event, "nonsense", event.replace("1", "x", 1), f"other 2 c{channel} no-base64", ""):
        session.execute("SELECT pg_notify(%s, %s)", (layer._notified, payload))

    await layer.send(channel, {"type": "last"})

    assert [await hear(layer, channel) for _ in range(2)] == [{"type": "once"}, {"type": "last"}]


@pytest.mark.asyncio
async def test_a_long_event_whose_row_is_gone_counts_as_a_gap(layer: PostgresChannelLayer, session: Session) -> None:
    gaps: list[str] = []
    channel = await layer.new_channel()
    layer.on_gap(lambda: gaps.append("gap"))
    await layer.send(channel, {"text": "x" * 10_000})
    await hear(layer, channel)

    session.execute("SELECT pg_notify(%s, %s)", (layer._notified, f"other 1 c{channel} "))

    await seen(lambda: gaps)


@pytest.mark.asyncio
async def test_long_events_do_not_pile_up(layer: PostgresChannelLayer, session: Session, postgres_url: str) -> None:
    await layer.group_send("nobody", {"text": "old" * 10_000})
    session.execute("UPDATE conclave_layer.spill SET written = now() - interval '1 hour'")

    another = PostgresChannelLayer(postgres_url)
    await another.group_send("nobody", {"text": "new" * 10_000})
    await seen(lambda: session.execute("SELECT count(*) FROM conclave_layer.spill").fetchone() == (1,))
    await another.close()


@pytest.mark.asyncio
async def test_processes_may_make_the_spill_table_at_once(session: Session, postgres_url: str) -> None:
    session.execute("DROP SCHEMA IF EXISTS conclave_layer CASCADE")
    layers = [PostgresChannelLayer(postgres_url) for _ in range(5)]

    await asyncio.gather(*(layer.group_send("general", {"text": "x" * 10_000}) for layer in layers))

    for layer in layers:
        await layer.close()


@pytest.mark.asyncio
async def test_many_who_start_at_once_share_one_listening_session(
    layer: PostgresChannelLayer, session: Session
) -> None:
    await seen(lambda: sessions(session) == 0)

    await asyncio.gather(*(layer.new_channel() for _ in range(50)))

    assert sessions(session) == 1


@pytest.mark.asyncio
async def test_closing_ends_the_sessions(layer: PostgresChannelLayer, session: Session) -> None:
    await layer.group_add("general", await layer.new_channel())

    await layer.close()

    await seen(lambda: sessions(session) == 0)


@pytest.mark.asyncio
async def test_consumers_that_were_killed_leave_nothing_behind(
    layer: PostgresChannelLayer, monkeypatch: pytest.MonkeyPatch
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
    await layer.send(survivor, {"type": "a.minute.later"})
    await hear(layer, survivor)

    await seen(lambda: not mailboxes._members and set(mailboxes._boxes) <= {survivor})


@pytest.mark.asyncio
async def test_flushing_empties_channels_and_groups(layer: PostgresChannelLayer) -> None:
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
async def test_a_message_is_a_dict(layer: PostgresChannelLayer) -> None:
    with pytest.raises(TypeError, match="A message is a dict, not list"):
        await layer.group_send("general", ["no"])  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_threads_with_event_loops_of_their_own_publish(layer: PostgresChannelLayer, session: Session) -> None:
    channel = await layer.new_channel()
    threads = [
        threading.Thread(target=async_to_sync(layer.send), args=(channel, {"number": number})) for number in range(4)
    ]
    for thread in threads:
        thread.start()

    assert {(await hear(layer, channel))["number"] for _ in threads} == {0, 1, 2, 3}

    for thread in threads:
        await asyncio.to_thread(thread.join)
    await seen(lambda: sessions(session) == 1)


def test_it_works_on_uvloop(postgres_url: str, postgres: Postgres) -> None:
    async def chat() -> None:
        layer = PostgresChannelLayer(postgres_url)
        channel = await layer.new_channel()
        await layer.group_add("general", channel)
        for text in ("short", "long" * 10_000):
            await layer.group_send("general", {"text": text})
            assert await hear(layer, channel) == {"text": text}
        gaps: list[str] = []
        layer.on_gap(lambda: gaps.append("gap"))
        await asyncio.to_thread(PostgresBroker(postgres).drop_connections)
        await seen(lambda: gaps)
        await layer.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(chat())


def test_loops_that_have_ended_are_forgotten(postgres_url: str) -> None:
    layer = PostgresChannelLayer(postgres_url)

    for _ in range(5):
        asyncio.run(layer.group_send("general", {"type": "x"}))

    assert len(layer._posts) == 1
