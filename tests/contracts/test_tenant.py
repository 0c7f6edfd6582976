"""Two organisations on one layer: whatever names they use, they never hear each other."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.layers import Layer, configured
from realtime.layers.names import require_group
from realtime.layers.tenant import LONGEST, NoOrganization, NotYours, TenantChannelLayer, current_key, scoped
from tests.contracts.pairs import ACME, GLOBEX, Pair, Speaking, bound

Neighbours = tuple[Pair, Pair]


@pytest.fixture
def neighbours(layer: Layer, new: Callable[..., Any]) -> Neighbours:
    """Acme and Globex, served by the same two processes."""
    receiver = bound(layer, new())
    sender = receiver if layer.single_process else bound(layer, new())
    acme, globex = (Pair(layer, Speaking(sender, key), Speaking(receiver, key)) for key in (ACME, GLOBEX))
    return acme, globex


@pytest.mark.asyncio
async def test_groups_of_the_same_name_never_hear_each_other(neighbours: Neighbours) -> None:
    acme, globex = neighbours
    ours, theirs = await acme.channel("general"), await globex.channel("general")

    await acme.sender.group_send("general", {"type": "secret"})
    await globex.sender.group_send("general", {"type": "theirs"})

    assert await acme.hear_all(ours) == [{"type": "secret"}]
    assert await globex.hear_all(theirs) == [{"type": "theirs"}]


@pytest.mark.asyncio
async def test_both_organisations_are_heard_while_both_wait(neighbours: Neighbours) -> None:
    channels = [(pair, await pair.channel("general")) for pair in neighbours for _ in range(3)]
    readers = [asyncio.create_task(pair.hear(channel)) for pair, channel in channels]

    for pair in reversed(neighbours):
        await pair.sender.group_send("general", {"type": "hello"})

    assert await asyncio.gather(*readers) == [{"type": "hello"}] * 6


@pytest.mark.asyncio
async def test_a_channel_of_another_organisation_is_refused(neighbours: Neighbours) -> None:
    acme, globex = neighbours
    theirs = await globex.channel()

    for call in (
        acme.sender.send(theirs, {"type": "intrusion"}),
        acme.receiver.receive(theirs),
        acme.receiver.group_add("general", theirs),
        acme.receiver.group_discard("general", theirs),
        acme.sender.send("a-name-without-owner", {"type": "intrusion"}),
    ):
        with pytest.raises(NotYours, match="is not a channel of this organisation"):
            await call

    assert await globex.hear_all(theirs) == []


@pytest.mark.asyncio
async def test_nothing_gets_through_under_a_forged_name(neighbours: Neighbours) -> None:
    acme, globex = neighbours
    theirs = await globex.channel()
    forged = theirs.replace(GLOBEX, ACME)

    await acme.sender.send(forged, {"type": "intrusion"})
    await acme.receiver.group_add("ours", forged)
    await acme.sender.group_send("ours", {"type": "intrusion"})
    await acme.sender.send(forged, {"type": "intrusion", "__organization__": GLOBEX})

    assert await globex.hear_all(theirs) == []


@pytest.mark.asyncio
async def test_every_receiver_gets_an_event_of_its_own(neighbours: Neighbours) -> None:
    acme, _ = neighbours
    alice, bob = await acme.channel("general"), await acme.channel("general")
    await acme.sender.group_send("general", {"type": "list", "nested": {"items": [1]}})

    (event,) = await acme.hear_all(alice)
    event["nested"]["items"].append(2)
    event.pop("type")

    assert await acme.hear_all(bob) == [{"type": "list", "nested": {"items": [1]}}]


@pytest.mark.asyncio
@pytest.mark.parametrize("key", [None, "", "short", "elevenchars", "acme00000\n", "acme.00000"])
async def test_without_an_organisation_every_use_is_refused(
    layer: Layer, new: Callable[..., Any], key: str | None
) -> None:
    tenant = bound(layer, new())
    if key is not None:
        current_key.set(key)

    for call in (
        tenant.new_channel(),
        tenant.send(f"t.{ACME}.specific.x!y", {"type": "x"}),
        tenant.receive(f"t.{ACME}.specific.x!y"),
        tenant.group_add("general", f"t.{ACME}.specific.x!y"),
        tenant.group_discard("general", f"t.{ACME}.specific.x!y"),
        tenant.group_send("general", {"type": "x"}),
    ):
        with pytest.raises(NoOrganization):
            await call


@pytest.mark.asyncio
async def test_flush_is_refused(neighbours: Neighbours) -> None:
    acme, globex = neighbours
    theirs = await globex.channel("general")

    with pytest.raises(NotYours, match="all organisations"):
        await acme.receiver.flush()

    await globex.sender.group_send("general", {"type": "still.here"})
    assert await globex.hear_all(theirs) == [{"type": "still.here"}]


@pytest.mark.asyncio
async def test_closing_ends_the_inner_layer_for_now_only(layer: Layer, new: Callable[..., Any]) -> None:
    tenant = bound(layer, new())
    speaking = Speaking(tenant, ACME)
    pair = Pair(layer, speaking, speaking)
    await pair.hear_all(await pair.channel())

    await tenant.close()

    channel = await pair.channel("general")
    await speaking.group_send("general", {"type": "again"})
    assert await pair.hear_all(channel) == [{"type": "again"}]


KEYS = st.text("abz059", min_size=10, max_size=10)
GROUPS = st.text("ab.-_Z9", min_size=1, max_size=99) | st.text("a", min_size=60, max_size=99)


@given(st.tuples(KEYS, GROUPS), st.tuples(KEYS, GROUPS))
def test_different_organisations_and_groups_have_different_names(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (scoped(*one) == scoped(*other)) == (one == other)


@given(KEYS, GROUPS)
def test_every_name_is_valid_on_every_layer(key: str, group: str) -> None:
    name = scoped(key, group)

    require_group(name)
    assert len(name) <= LONGEST


def test_no_short_name_is_that_of_a_long_one() -> None:
    long = scoped(ACME, "a" * 99)
    digest = long.rpartition(".")[2]

    assert scoped(ACME, digest) != long


def test_settings_are_made_from_a_name() -> None:
    layers = configured("channels-redis", database_url="postgresql:///x", redis_url="redis://h")

    assert layers["default"]["BACKEND"] == f"{TenantChannelLayer.__module__}.TenantChannelLayer"
    assert layers["wire"]["CONFIG"]["hosts"][0]["address"] == "redis://h"


def test_an_unknown_layer_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="no channel layer 'kafka': choose one of postgres, redis, channels-redis, "):
        configured("kafka", database_url="postgresql:///x", redis_url="redis://h")
