"""Coming in by invitation, and being put out: on open sockets too, whatever becomes of the layer."""

from typing import Any

import pytest

from realtime.chat import hosting, rooms
from realtime.protocol import Refused
from tenants.people.models import AuditEntry
from tenants.problems import Problem
from tenants.roles import Role
from tenants.schema import entered
from tests.cast import Member, Org
from tests.clients import nothing_for, opened
from tests.conftest import on
from tests.realtime.furniture import opens, says
from tests.running import Running


async def test_who_is_invited_sees_the_room_appear_and_hears_it(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    room = opens(acme, acme.owner, "Board", private=True)
    async with opened(server, acme, by=bob) as client:
        await client.hears(on="welcome")
        assert (await client.asks("join", room=room))["code"] == "not_found"
        assert acme.inside(hosting.invite, acme.owner.actor, room, [bob.actor.user_id])[0].name == "bob"
        appeared = await client.hears(on="room", room=room)
        assert (appeared["title"], appeared["state"]["joined"]) == ("Board", True)
        await client.asks("join", room=room, since=0)
        says(acme, acme.owner, room, "welcome")
        await client.hears(message="welcome")


@pytest.mark.parametrize("wish", [on(), on(WORKERS="2"), on(LAYER="channels-redis")])
@pytest.mark.parametrize("private", [True, False], ids=["private", "public"])
async def test_who_is_expelled_while_chatting_hears_nothing_more(
    servers: Any, acme: Org, globex: Org, wish: dict[str, str], private: bool
) -> None:
    """On every socket of theirs: two tabs and a script, of which two processes may serve one each."""
    server, bob = servers.get(**wish), acme.add("bob")
    room = opens(acme, acme.owner, "Board", bob, private=private)
    async with (
        opened(server, acme, by=acme.owner) as alice,
        opened(server, acme, by=bob) as tab,
        opened(server, acme, by=bob) as other_tab,
        opened(server, acme, f"/ws/chat/{room}/", by=bob) as script,
        opened(server, globex, by=globex.owner) as mallory,
    ):
        for each in (alice, tab, other_tab):
            await each.asks("join", room=room, since=0)
        await alice.posts("before", room)
        for each in (tab, other_tab, script):
            await each.hears(message="before")

        acme.inside(hosting.expel, acme.owner.actor, room, bob.actor.user_id)
        for each in (tab, other_tab, script):
            await each.hears(on="gone", room=room)
        await alice.posts("after", room)
        await alice.hears(message="after")

        assert (await tab.posts("from outside", room))["code"] == "not_found"
        await script.says({"message": "from outside", "id": 1})
        assert (await script.hears(id=1))["code"] == "not_found"
        await other_tab.asks("hello", rooms={room: 0})
        for each in (tab, other_tab, script):
            nothing_for(each, "after")
        if private:
            assert (await tab.asks("join", room=room, since=0))["code"] == "not_found"
        assert (await mallory.posts("elsewhere"))["on"] == "ack"
        nothing_for(mallory, room)


async def test_who_leaves_on_one_device_has_left_on_the_others(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    room = opens(acme, acme.owner, "Board", bob, private=True)
    async with opened(server, acme, by=bob) as laptop:
        await laptop.asks("join", room=room)
        with server.client(acme.space.slug, bob.token) as phone:
            assert phone.post(f"/api/v1/rooms/{room}/leave").status_code == 204
        await laptop.hears(on="gone", room=room)


def test_who_may_put_out_whom(acme: Org) -> None:
    maker, member, moderator = acme.add("maker"), acme.add("member"), acme.add("mod", Role.MODERATOR)
    room = opens(acme, maker, "Plans", acme.owner, member, moderator)

    def expels(who: Member, whom: Member) -> None:
        acme.inside(hosting.expel, who.actor, room, whom.actor.user_id)

    with pytest.raises(Problem, match="role does not allow"):
        expels(member, moderator)
    with pytest.raises(Refused, match="above yours"):
        expels(moderator, acme.owner)
    with pytest.raises(Refused, match="leave the room"):
        expels(maker, maker)
    expels(moderator, member)
    expels(maker, acme.owner)
    with pytest.raises(Refused, match="no such person"):
        expels(maker, acme.owner)
    expels(moderator, maker)
    with entered(acme.space.schema_name):
        lines = list(AuditEntry.objects.filter(what="rooms.expel").order_by("pk").values_list("name", "whom"))
    assert lines == [("mod", "member"), ("maker", "alice"), ("mod", "maker")]


def test_nobody_puts_the_maker_out_of_a_private_room(acme: Org) -> None:
    maker = acme.add("maker")
    room = opens(acme, maker, "Board", acme.owner, private=True)
    with pytest.raises(Refused, match="room is theirs"):
        acme.inside(hosting.expel, acme.owner.actor, room, maker.actor.user_id)


def test_only_who_is_in_a_room_invites_and_only_who_is_here_is_invited(acme: Org) -> None:
    bob, carol, gus = acme.add("bob"), acme.add("carol"), acme.add("gus", Role.GUEST)
    room = opens(acme, bob, "Plans", gus)

    def invites(who: Member, *user_ids: int) -> list[str]:
        return [each.name for each in acme.inside(hosting.invite, who.actor, room, user_ids)]

    with pytest.raises(Refused, match="Join the room first"):
        invites(carol, carol.actor.user_id)
    with pytest.raises(Problem, match="role does not allow"):
        invites(gus, carol.actor.user_id)
    with pytest.raises(Refused, match="no such person"):
        invites(bob, 10_000)
    assert invites(bob, carol.actor.user_id) == ["carol"]
    assert invites(bob, carol.actor.user_id) == []
    acme.inside(rooms.leave, bob.actor, room)
    with pytest.raises(Refused, match="Join the room first"):
        invites(bob, acme.owner.actor.user_id)
