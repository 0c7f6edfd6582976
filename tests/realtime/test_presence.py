"""Presence: who is online is told once, to those who may know, and is right whatever becomes of a process."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from realtime.chat.models import Membership, Room
from realtime.presence import GRACE
from tenants.people.models import Role, User
from tests.cast import Member, Org
from tests.clients import Client, Frame, opened
from tests.conftest import Servers, on
from tests.running import Running

# On real servers, as people see it.


def told(client: Client) -> list[Frame]:
    return [frame for frame in client.heard if frame["on"] == "presence"]


def times_told(client: Client, what: str, who: Member) -> int:
    return sum(who.actor.user_id in frame[what] for frame in told(client))


async def hears_of(client: Client, what: str, who: Member) -> Frame:
    """Longer patience than for other frames: who has left is told after a while."""
    while not (found := [frame for frame in told(client) if who.actor.user_id in frame.get(what, [])]):
        async with asyncio.timeout(5 * GRACE):
            await client.next()
    return found[0]


async def sees(client: Client, everybody: set[int]) -> None:
    """Welcome and what was told after it make up these people, and nobody is told of without being news."""
    online, read = set((await client.hears(on="welcome"))["online"]), 0
    while online != everybody or read < len(told(client)):
        if read == len(told(client)):
            async with asyncio.timeout(5 * GRACE):
                await client.next()
            continue
        frame, read = told(client)[read], read + 1
        joined, left = set(frame["joined"]), set(frame["left"])
        assert not joined & online
        assert left <= online
        online = (online | joined) - left
        assert frame["count"] == len(online)


async def test_who_comes_and_goes_is_told_to_the_organisation_and_to_no_other(
    server: Running, acme: Org, globex: Org
) -> None:
    alice, bob = acme.owner, acme.add("bob")
    async with opened(server, globex, by=globex.owner) as mallory, opened(server, acme, by=alice) as hers:
        await hears_of(hers, "joined", alice)
        async with opened(server, acme, by=bob) as his:
            await his.hears(on="welcome")
            assert (await hears_of(hers, "joined", bob))["count"] == 2
        assert (await hears_of(hers, "left", bob))["count"] == 1
        await hears_of(mallory, "joined", globex.owner)
        await mallory.asks("hello")
        assert {frame["count"] for frame in told(mallory)} == {1}
        assert len(told(mallory)) == 1, "nobody else has come to globex, or gone"


async def test_a_second_tab_and_a_reload_tell_nothing(server: Running, acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    async with opened(server, acme, by=acme.owner) as alice:
        async with opened(server, acme, by=bob) as tab:
            await tab.hears(on="welcome")
            await hears_of(alice, "joined", bob)
            async with opened(server, acme, by=bob) as second:
                await second.hears(on="welcome")
        async with opened(server, acme, by=bob) as reloaded:
            await reloaded.hears(on="welcome")
            async with opened(server, acme, by=carol) as hers:
                await hers.hears(on="welcome")
            await hears_of(alice, "left", carol)  # later than anything that bob has done
            assert times_told(alice, "joined", bob) == 1
            assert times_told(alice, "left", bob) == 0


async def test_guests_are_seen_and_see_nobody_until_they_are_members(server: Running, acme: Org) -> None:
    gus, bob = acme.add("gus", Role.GUEST), acme.add("bob")
    async with opened(server, acme, by=acme.owner) as alice, opened(server, acme, by=gus) as his:
        welcome = await his.hears(on="welcome")
        assert not {"online", "online_count"} & welcome.keys()
        await hears_of(alice, "joined", gus)
        async with opened(server, acme, by=bob) as bobs:
            await bobs.hears(on="welcome")
            await hears_of(alice, "joined", bob)
        await hears_of(alice, "left", bob)
        await his.asks("hello")
        assert told(his) == []
        acme.inside(change, gus, "role", Role.MEMBER)
        everybody = await hears_of(his, "joined", acme.owner)
        assert everybody["joined"] == sorted([acme.owner.actor.user_id, gus.actor.user_id])


async def test_who_does_not_want_to_be_seen_is_neither_named_nor_counted(servers: Servers, acme: Org) -> None:
    server = servers.get(WORKERS="2")
    bob = acme.add("bob")
    async with opened(server, acme, by=acme.owner) as alice, opened(server, acme, by=bob) as his:
        await hears_of(alice, "joined", bob)
        acme.inside(change, bob, "shows_presence", False)
        assert (await hears_of(alice, "left", bob))["count"] == 1
        async with opened(server, acme, by=bob) as again, opened(server, acme, by=acme.owner) as hers:
            await sees(again, {acme.owner.actor.user_id})
            await sees(hers, {acme.owner.actor.user_id})
        acme.inside(change, bob, "shows_presence", True)
        alice.heard.clear()
        await hears_of(alice, "joined", bob)
        await his.hears(on="welcome")


def change(who: Member, field: str, value: object) -> None:
    user = User.objects.get(pk=who.actor.user_id)
    setattr(user, field, value)
    user.save()


async def test_scripts_make_nobody_online(server: Running, acme: Org) -> None:
    bot, carol = acme.add("bot"), acme.add("carol")
    async with (
        opened(server, acme, by=acme.owner) as alice,
        opened(server, acme, "/ws/chat/general/", by=bot) as chat,
        opened(server, acme, "/ws/notification/", by=bot),
    ):
        await chat.says({"message": "beep"})
        await chat.hears(message="beep")
        async with opened(server, acme, by=carol) as hers:
            await hers.hears(on="welcome")
            await hears_of(alice, "joined", carol)
            await chat.says({"message": "still only beeping", "id": 1})
            await chat.hears(id=1)
        assert times_told(alice, "joined", bot) == 0
        assert told(chat) == []


async def test_across_processes_everybody_hears_of_everybody_once(servers: Servers, acme: Org) -> None:
    server = servers.get(WORKERS="2")
    people = [acme.add(f"p{number}") for number in range(8)]
    everybody = {each.actor.user_id for each in people}
    async with AsyncExitStack() as stack:
        for me in people:
            client = await stack.enter_async_context(opened(server, acme, by=me))
            stack.push_async_callback(sees, client, everybody)


async def test_a_room_says_who_of_it_is_online_to_those_who_may_see_it(
    servers: Servers, acme: Org, globex: Org
) -> None:
    server = servers.get(WORKERS="2")
    bob, gus = acme.add("bob"), acme.add("gus", Role.GUEST)

    def close_the_doors() -> None:
        room = Room.objects.create(address="secret", title="Secret", kind=Room.Kind.PRIVATE)
        Membership.objects.create(room=room, user_id=acme.owner.actor.user_id)

    def asks(org: Org, who: Member, room: str) -> tuple[int, dict[str, object]]:
        with server.client(org.space.slug, token=who.token) as http:
            answer = http.get(f"/api/v1/rooms/{room}/presence")
            return answer.status_code, answer.json()

    acme.inside(close_the_doors)
    async with opened(server, acme, by=acme.owner) as alice, opened(server, acme, by=bob) as his:
        await hears_of(alice, "joined", bob)
        await his.hears(on="welcome")
        both = sorted([acme.owner.actor.user_id, bob.actor.user_id])
        assert asks(acme, acme.owner, "general") == (200, {"count": 2, "online": both})
        assert asks(acme, acme.owner, "secret") == (200, {"count": 1, "online": [acme.owner.actor.user_id]})
        assert asks(globex, globex.owner, "general") == (200, {"count": 0, "online": []})
        for who in (bob, gus):
            assert asks(acme, who, "secret")[0] == asks(acme, who, "nowhere")[0] == 404


@pytest.mark.parametrize("wish", [on(LAYER="memory"), on(SERVER="daphne")])
async def test_it_is_the_same_on_any_layer_and_server(servers: Servers, acme: Org, wish: dict[str, str]) -> None:
    server, bob = servers.get(**wish), acme.add("bob")
    async with opened(server, acme, by=acme.owner) as alice:
        async with opened(server, acme, by=bob) as his:
            await his.hears(on="welcome")
            await hears_of(alice, "joined", bob)
        await hears_of(alice, "left", bob)
        await sees(alice, {acme.owner.actor.user_id})
