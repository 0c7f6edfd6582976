"""Using a name that is somebody else's: of a room, a group, a channel."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from realtime import groups
from realtime.layers.tenant import NoOrganization, NotYours, TenantChannelLayer, current_key
from tests.clients import opened
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_room_of_the_same_name(ring: Ring) -> None:
    async with (
        opened(ring.site, ring.ours.org, by=ring.ours.member) as bob,
        opened(ring.site, ring.theirs.org, by=ring.mallory) as mallory,
    ):
        await bob.asks("hello")
        await mallory.asks("hello")
        with ring.site.client(ring.ours.slug, token=ring.alice.token) as http:
            http.post("/api/v1/rooms/general/messages", json={"message": f"live {ring.ours.canary}"})
        await bob.hears(message=f"live {ring.ours.canary}")
        await mallory.posts("mine")
        await mallory.hears(message="mine")
        assert ring.ours.canary not in json.dumps(mallory.heard)


@attempt
async def notices_of_the_other(ring: Ring) -> None:
    async with (
        opened(ring.site, ring.ours.org, "/ws/notification/", by=ring.ours.member) as bob,
        opened(ring.site, ring.theirs.org, "/ws/notification/", by=ring.mallory) as mallory,
    ):
        with ring.site.client(ring.ours.slug, token=ring.alice.token) as http:
            http.post("/api/v1/notices", json={"message": f"drill {ring.ours.canary}"})
        await bob.hears(message=f"drill {ring.ours.canary}")
        await mallory.says({"message": "mine"})
        await mallory.hears(message="mine")
        assert ring.ours.canary not in json.dumps(mallory.heard)


@attempt
async def the_name_of_a_group(ring: Ring) -> None:
    ours, theirs = ring.ours.org.key, ring.theirs.org.key
    made = [maker(key, part) for key in (ours, theirs) for maker, part in _SPELLINGS]
    assert len({group.name for group in made}) == len(made)
    with pytest.raises(ValueError, match="not the key"):
        groups.room(f"{ours}.r", "general")


_SPELLINGS: list[tuple[Any, Any]] = [
    *((groups.room, part) for part in ("general", "r.general", "general\n", "GENERAL", "a" * 60, "a" * 61, "ß", "")),
    (groups.person, 1),
    (groups.person, 11),
]


@attempt
async def the_channel_layer_in_anothers_name(ring: Ring) -> None:
    layer = TenantChannelLayer()
    try:
        current_key.set(ring.ours.org.key)
        ours = await layer.new_channel()
        await layer.group_add("general", ours)
        current_key.set(ring.theirs.org.key)
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: layer.send(ours, {"type": "x"}),
            lambda: layer.group_add("general", ours),
            lambda: layer.receive(ours),
        ]
        for call in calls:
            with pytest.raises(NotYours):
                await asyncio.wait_for(call(), 10)
        await layer.group_send("general", {"type": "theirs"})
        current_key.set(ring.ours.org.key)
        await layer.group_send("general", {"type": "ours"})
        assert await asyncio.wait_for(layer.receive(ours), 10) == {"type": "ours"}
    finally:
        await layer.close()


@attempt
async def the_channel_layer_in_nobodys_name(ring: Ring) -> None:
    layer = TenantChannelLayer()
    current_key.set("")
    try:
        with pytest.raises(NoOrganization):
            await layer.group_send("general", {"type": "x"})
    finally:
        await layer.close()
