"""What is special about our layer over PostgreSQL: its transactions, its notifications, and its long events."""

import asyncio
import gc
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from realtime.layers.fan_out import packed
from realtime.layers.letters import TOO_LONG, bundled
from realtime.layers.link import Link
from realtime.layers.postgres import PostgresChannelLayer
from realtime.layers.sessions import connect
from realtime.layers.spill import TABLES
from tests.contracts.pairs import PATIENCE

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
async def test_what_is_published_in_quick_succession_shares_notifications_and_keeps_its_order(
    layer: PostgresChannelLayer, session: Session
) -> None:
    channel = await layer.new_channel()
    await layer.group_add("general", channel)
    session.execute(f"LISTEN {layer._notified}")

    published = []
    for number in range(1_000):
        published.append(layer.publish("general", {"number": number, "text": "x" * 100}))
        await asyncio.sleep(0)
    await asyncio.gather(*published)

    assert [(await hear(layer, channel))["number"] for _ in range(1_000)] == list(range(1_000))
    bundles = list[int]()
    for notification in session.notifies(timeout=PATIENCE):
        bundles.append(notification.payload.count("\n") + 1)
        if sum(bundles) >= 1_000:
            break
    assert sum(bundles) == 1_000
    assert len(bundles) < 500


@given(st.lists(st.integers(1, TOO_LONG - 1), max_size=50))
def test_bundles_hold_every_letter_in_order_and_none_is_too_long_for_postgresql(sizes: list[int]) -> None:
    letters = ["x" * size for size in sizes]
    bundles = list(bundled(letters))
    assert "\n".join(bundles) == "\n".join(letters)
    assert all(len(bundle) < TOO_LONG for bundle in bundles)
    first = [bundle.partition("\n")[0] for bundle in bundles[1:]]
    assert all(len(full) + 1 + len(next) >= TOO_LONG for full, next in zip(bundles, first, strict=False)), (
        "none is short"
    )


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
    """A process that has not written for a while empties the table that comes next, and none that is in use."""
    await layer.group_send("nobody", {"text": "x" * 10_000})
    for table in TABLES:
        session.execute(f"TRUNCATE {table}")
        session.execute(f"INSERT INTO {table} VALUES ('somebody', 1, '')")

    another = PostgresChannelLayer(postgres_url)
    await another.group_send("nobody", {"text": "y" * 10_000})
    await seen(lambda: sum(held(session)) == 3)
    await another.close()

    assert sorted(held(session)) == [0, 1, 2]


def held(session: Session) -> list[int]:
    """How many rows each of the tables has."""
    counts = [session.execute(f"SELECT count(*) FROM {table}").fetchone() for table in TABLES]
    return [count for (count,) in counts if count is not None]


@pytest.mark.asyncio
async def test_processes_may_make_the_spill_table_at_once(session: Session, postgres_url: str) -> None:
    session.execute("DROP SCHEMA IF EXISTS conclave_layer CASCADE")
    layers = [PostgresChannelLayer(postgres_url) for _ in range(5)]

    await asyncio.gather(*(layer.group_send("general", {"text": "x" * 10_000}) for layer in layers))

    for layer in layers:
        await layer.close()


@pytest.mark.asyncio
async def test_a_link_that_is_lost_does_not_deafen_the_one_that_got_its_socket(
    session: Session, postgres_url: str
) -> None:
    """Which both of a layer are when PostgreSQL restarts: the listener comes back before anybody publishes."""
    lost = await connect(postgres_url)
    number = lost.fileno()
    deaf = Link(lost, lambda text: None)
    session.execute("SELECT pg_terminate_backend(%s)", [lost.info.backend_pid])
    await asyncio.wait([deaf.lost], timeout=PATIENCE)

    heard: list[str] = []
    async with await connect(postgres_url) as next_one:
        assert next_one.fileno() == number, "the lowest number that is free"
        await next_one.execute("LISTEN somebody")
        link = Link(next_one, heard.append)

        deaf.close()

        session.execute("NOTIFY somebody, 'still here'")
        await seen(lambda: heard == ["still here"])
        link.close()


def test_what_is_on_its_way_when_an_event_loop_ends_leaves_nothing_behind(postgres_url: str) -> None:
    """The session that it went by is closed under it, and nobody is there any more who could send it once more."""

    async def publish_and_go() -> None:
        layer = PostgresChannelLayer(postgres_url)
        await layer.group_add("general", await layer.new_channel())
        for number in range(50):
            layer.publish("general", {"number": number}).add_done_callback(lambda sent: sent.exception())
        await asyncio.sleep(0)  # on its way by now

    for _ in range(5):
        asyncio.run(publish_and_go())
    gc.collect()  # what is left behind complains, and a complaint is an error here
