"""Telling comes after the commit, and may fail; the row may not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import transaction
from django.test import override_settings

from realtime import events, groups, layers
from realtime.chat import messages
from realtime.chat.models import Message
from realtime.groups import Group
from realtime.protocol import Gone, Post, Refused
from tenants.schema import in_tenant
from tests.cast import Org

pytestmark = pytest.mark.usefixtures("layer_let_go")

PATIENCE = 15.0
MEMORY = layers.configured("memory", database_url="", redis_url="")


class Ear:
    """Listens to one group on the layer below everything."""

    def __init__(self, layer: Any, channel: str) -> None:
        self.layer, self.channel = layer, channel

    async def next(self) -> Any:
        return await asyncio.wait_for(self.layer.receive(self.channel), PATIENCE)


@pytest.fixture
def group(acme: Org) -> Group:
    return groups.room(acme.key, "general")


@pytest.fixture
async def ear(group: Group, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ear]:
    """A process that serves, on this event loop, with a layer in its memory."""
    monkeypatch.setattr(events, "_loop", asyncio.get_running_loop())
    with override_settings(CHANNEL_LAYERS=MEMORY):
        layer = get_channel_layer("wire")
        channel = await layer.new_channel()
        await layer.group_add(group.name, channel)
        yield Ear(layer, channel)


def told(number: int, group: Group) -> None:
    events.publish(Gone(room=f"r{number}"), group, number)


async def test_nothing_is_told_before_the_commit(acme: Org, group: Group, ear: Ear) -> None:
    seen: list[int] = []

    def verb() -> None:
        with transaction.atomic():
            told(1, group)
            with transaction.atomic():
                told(2, group)
            seen.append(len(events._pending))

    await in_tenant(acme.space, verb)
    assert seen == [0], "nothing was on its way while the transaction was open"
    assert [(await ear.next())["number"] for _ in range(2)] == [1, 2]


async def test_what_is_rolled_back_is_never_told(acme: Org, group: Group, ear: Ear) -> None:
    def verb() -> None:
        with transaction.atomic():
            told(1, group)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await in_tenant(acme.space, verb)

    def half() -> None:
        with transaction.atomic():
            told(2, group)
            try:
                verb()
            except ZeroDivisionError:
                told(3, group)

    await in_tenant(acme.space, half)
    assert [(await ear.next())["number"] for _ in range(2)] == [2, 3]


async def test_the_envelope_holds_the_text_that_every_listener_will_see(acme: Org, group: Group, ear: Ear) -> None:
    await in_tenant(acme.space, messages.post, acme.owner.actor, Post(room="general", client_id="1", message="héllo"))
    envelope = await ear.next()
    assert (envelope["type"], envelope["to"], envelope["number"]) == ("conclave.event", group.name, 1)
    assert '"message":"héllo"' in envelope["text"]


async def test_a_refused_post_tells_nothing_and_a_repeated_one_is_told_once(acme: Org, ear: Ear) -> None:
    def post(text: str, client_id: str) -> Any:
        return in_tenant(
            acme.space, messages.post, acme.owner.actor, Post(room="general", client_id=client_id, message=text)
        )

    with pytest.raises(Refused):
        await post("", "0")
    await post("once", "1")
    await post("once", "1")
    await post("next", "2")
    assert [(await ear.next())["number"] for _ in range(2)] == [1, 2]


class Broken(InMemoryChannelLayer):  # type: ignore[misc]
    async def group_send(self, group: str, message: Any) -> None:
        raise ConnectionError("the broker is away")


class Hanging(InMemoryChannelLayer):  # type: ignore[misc]
    async def group_send(self, group: str, message: Any) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("layer", [Broken, Hanging])
async def test_a_layer_that_fails_or_hangs_does_not_hurt_the_verb(
    acme: Org, layer: type, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "_loop", asyncio.get_running_loop())
    monkeypatch.setattr(events, "PATIENCE", 0.05)
    monkeypatch.setattr(events, "_pending", {})
    with override_settings(CHANNEL_LAYERS=MEMORY | {"wire": {"BACKEND": f"{__name__}.{layer.__name__}"}}):
        posted = await in_tenant(
            acme.space, messages.post, acme.owner.actor, Post(room="general", client_id="1", message="stored")
        )
        assert posted.event.seq == 1
        assert await in_tenant(acme.space, lambda: Message.objects.get().body) == "stored"
        async with asyncio.timeout(PATIENCE):
            while events._pending:
                await asyncio.sleep(0.01)
    assert "repair will tell it" in caplog.text


async def test_a_layer_that_hangs_does_not_fill_the_memory(
    acme: Org, group: Group, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(events, "_loop", asyncio.get_running_loop())
    pending: dict[asyncio.Future[None], int] = {}
    monkeypatch.setattr(events, "_pending", pending)
    monkeypatch.setattr(events, "_under_way", 0)
    monkeypatch.setattr(events, "MOST_PENDING", 5)
    monkeypatch.setattr(events, "_lost", 0)
    with override_settings(CHANNEL_LAYERS=MEMORY | {"wire": {"BACKEND": f"{__name__}.Hanging"}}):
        await in_tenant(acme.space, lambda: [told(number, group) for number in range(1, 106)])
        assert len(pending) == 5
        assert events._lost == 100
        assert len([each for each in caplog.records if "left to repair" in each.message]) == 7  # 1, 2, 4 … 64
        for future in list(pending):
            future.cancel()
        while pending:
            await asyncio.sleep(0)


def test_a_process_that_serves_nobody_tells_too_and_waits_for_it_at_its_end(
    acme: Org, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_loop", None)
    with override_settings(CHANNEL_LAYERS=MEMORY):
        layer = get_channel_layer("wire")

        async def listen() -> str:
            channel = await layer.new_channel()
            await layer.group_add(group.name, channel)
            return str(channel)

        on_its_loop = events._own_loop()
        channel = asyncio.run_coroutine_threadsafe(listen(), on_its_loop).result(PATIENCE)
        acme.inside(told, 1, group)
        events.flush()
        heard = asyncio.run_coroutine_threadsafe(layer.receive(channel), on_its_loop).result(PATIENCE)
    assert heard["number"] == 1


def test_a_command_ends_though_the_layer_hangs(acme: Org, group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_loop", None)
    pending: dict[asyncio.Future[None], int] = {}
    monkeypatch.setattr(events, "_pending", pending)
    monkeypatch.setattr(events, "_under_way", 0)
    with override_settings(CHANNEL_LAYERS=MEMORY | {"wire": {"BACKEND": f"{__name__}.Hanging"}}):
        acme.inside(told, 1, group)
        events.flush(0.05)
    assert len(pending) == 1
    pending.popitem()[0].cancel()
