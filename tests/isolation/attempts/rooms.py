"""Getting into a room, or at one, to which one was not let in."""

import asyncio

import pytest

from realtime.chat import conversations, hosting, rooms
from realtime.protocol import Refused
from tenants.problems import Problem
from tenants.schema import in_tenant
from tests.cast import founds
from tests.clients import nothing_for, opened
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_private_room_of_others(ring: Ring) -> None:
    """Not even by the owner of the organisation."""
    org = founds("board", owner="carol")
    bob = org.add("bob")
    room = (await in_tenant(org.space, rooms.open, bob.actor, "Salaries", private=True)).room
    with ring.site.client(org.space.slug, token=bob.token) as own:
        assert "Salaries" in own.get("/api/v1/rooms").text
    with ring.site.client(org.space.slug, token=org.owner.token) as outside:
        assert "Salaries" not in outside.get("/api/v1/rooms").text
        assert outside.get(f"/api/v1/rooms/{room}/messages").status_code == 404
    async with opened(ring.site, org, f"/ws/chat/{room}/", by=org.owner) as socket:
        assert await socket.is_closed() == 4404


@attempt
async def a_room_changed_by_somebody_who_does_not_look_after_it(ring: Ring) -> None:
    """Their own room they change; a moderator's they do not, nor put anybody out of it."""
    org = founds("hosted", owner="carol")
    bob, dai = org.add("bob"), org.add("dai")
    own = (await in_tenant(org.space, rooms.open, bob.actor, "Mine")).room
    assert (await in_tenant(org.space, hosting.change, bob.actor, own, title="Still mine")).title == "Still mine"
    for change in (
        lambda: hosting.change(bob.actor, "general", title="Mine too"),
        lambda: hosting.expel(bob.actor, "general", dai.actor.user_id),
    ):
        with pytest.raises(Problem, match="role does not allow"):
            await in_tenant(org.space, change)


@attempt
async def a_third_one_in_a_conversation_of_two(ring: Ring) -> None:
    org = founds("talking", owner="carol")
    bob, dai = org.add("bob"), org.add("dai")
    room = (await in_tenant(org.space, conversations.direct, bob.actor, [org.owner.actor.user_id])).room
    for who, brought in ((bob, dai), (dai, dai)):
        with pytest.raises(Refused):
            await in_tenant(org.space, hosting.invite, who.actor, room, [brought.actor.user_id])
    assert not [state for state in await in_tenant(org.space, rooms.states, dai.actor) if state.room == room]


@attempt
async def a_socket_of_somebody_who_was_put_out(ring: Ring) -> None:
    org = founds("expelling", owner="carol")
    bob = org.add("bob")
    async with opened(ring.site, org, by=bob) as out, opened(ring.site, org, by=org.owner) as host:
        for each in (out, host):
            await each.asks("join", room="general")
        await host.posts("before")
        await out.hears(message="before")
        await in_tenant(org.space, hosting.expel, org.owner.actor, "general", bob.actor.user_id)
        async with asyncio.timeout(6):
            await out.hears(on="gone", room="general")
        await host.posts("after")
        await host.hears(message="after")
        assert (await out.posts("from outside"))["code"] == "not_found"
        nothing_for(out, "after")


@attempt
async def an_address_tried_to_find_a_private_room(ring: Ring) -> None:
    """Opening a room where there is a private one is refused in the words for any address of that form."""
    org = founds("guessing", owner="carol")
    bob = org.add("bob")
    room = (await in_tenant(org.space, rooms.open, bob.actor, "Salaries", private=True)).room
    refusals = []
    for address in (room, "zz" * 8):
        with pytest.raises(Refused) as no:
            await in_tenant(org.space, rooms.open, org.owner.actor, "Mine", address)
        refusals.append(str(no.value))
    assert refusals[0] == refusals[1]
    assert (await in_tenant(org.space, rooms.open, org.owner.actor, "Mine", "mine")).room == "mine"
