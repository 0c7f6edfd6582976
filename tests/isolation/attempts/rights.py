"""Doing what one's role does not allow, or does not allow any more."""

import asyncio
from unittest.mock import patch

import pytest

from realtime import groups
from realtime.chat import hosting, messages, rooms
from realtime.fan_out import FanOut
from realtime.frames import Batch
from realtime.protocol import Post, Refused
from realtime.streams import Missed, Stream
from tenants import control
from tenants.people.models import Role
from tenants.schema import in_tenant
from tests.cast import founds
from tests.clients import opened, signed_in
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_post_into_a_room_one_is_not_in(ring: Ring) -> None:
    def post() -> None:
        messages.post(ring.ours.member.actor, Post(room="plans", client_id="intruder", message="let me in"))

    with pytest.raises(Refused) as no:
        await in_tenant(ring.ours.org.space, post)
    assert no.value.code == "not_found"


@attempt
async def a_guest_in_a_room_nobody_let_him_into(ring: Ring) -> None:
    org = founds("hosts", owner="carol")
    guest = org.add("gus", Role.GUEST)
    await in_tenant(org.space, hosting.invite, org.owner.actor, "general", [guest.actor.user_id])
    await in_tenant(org.space, rooms.open, org.owner.actor, "Plans", "plans")
    assert [each.room for each in await in_tenant(org.space, rooms.listed, guest.actor)] == ["general"]
    async with opened(ring.site, org, "/ws/chat/plans/", by=guest) as socket:
        assert await socket.is_closed() == 4404


@attempt
async def a_notice_from_somebody_who_is_no_admin(ring: Ring) -> None:
    async with opened(ring.site, ring.ours.org, "/ws/notification/", by=ring.ours.member) as bob:
        await bob.says({"message": "I am the admin now", "id": 1})
        assert (await bob.hears(lambda frame: frame.get("id") == 1))["code"] == "forbidden"


@attempt
async def a_socket_whose_session_has_ended(ring: Ring) -> None:
    with signed_in(ring.site, ring.ours.org, ring.alice) as session:
        async with opened(ring.site, ring.ours.org, **session.headers) as socket:
            await socket.hears(on="welcome")
            session.signs_out()
            assert await asyncio.wait_for(socket.is_closed(), 6) == 4401


@attempt
async def a_right_that_ended_while_the_socket_was_opening(ring: Ring) -> None:
    """The row is read before the socket is known to the hub: what it says is looked at again when it is."""
    org = founds("early", owner="carol")
    async with opened(ring.site, org, by=org.owner) as first:
        await first.hears(on="welcome")
        await in_tenant(org.space, control.append, org.key, control.CREDENTIAL, org.owner.actor.credential)
        assert await asyncio.wait_for(first.is_closed(), 6) == 4401
    async with opened(ring.site, org, by=org.owner) as late:
        assert await asyncio.wait_for(late.is_closed(), 6) == 4401


@attempt
async def delivery_while_nobody_knows_who_may_hear(ring: Ring) -> None:
    """Control cannot be read for ten seconds: nothing is delivered until it can."""
    heard: list[str] = []

    class Ear:
        user_id, write = 1, None

        def deliver(self, batch: Batch) -> None:
            heard.extend(frame.text for frame in batch.frames)

    async def nothing(number: int) -> Missed:
        return Missed([], number)

    stream = Stream(groups.room(ring.ours.org.key, "general"), nothing, FanOut())
    ear = Ear()
    stream.hold(ear)
    stream.go_live(ear, 0)
    stream.tell(1, "known")
    with patch.object(control, "_last_reading", float("-inf")):
        stream.tell(2, "unknown")
        stream.tell(0, "unknown")
    await asyncio.sleep(0)
    assert heard == ["known"]
