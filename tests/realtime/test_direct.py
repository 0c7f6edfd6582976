"""Conversations between a few people: one for each set of them, and nobody else comes in."""

import pytest

from realtime.chat import conversations, hosting, messages, rooms
from realtime.chat.models import Room
from realtime.protocol import Refused, RoomState
from tenants.people import members
from tenants.problems import Problem
from tenants.roles import Role
from tenants.schema import entered
from tests.cast import Member, Org
from tests.clients import opened
from tests.realtime.furniture import says
from tests.running import Running
from tests.tenants.together import together


def begins(org: Org, who: Member, *others: Member) -> RoomState:
    return org.inside(conversations.direct, who.actor, [each.actor.user_id for each in others])


def test_two_who_begin_at_once_begin_one(acme: Org) -> None:
    alice, bob = acme.owner.actor, acme.add("bob").actor

    came = together(
        acme.space,
        *[lambda: conversations.direct(alice, [bob.user_id])] * 3,
        *[lambda: conversations.direct(bob, [alice.user_id])] * 3,
    )

    assert came == ["done"] * 6
    with entered(acme.space.schema_name):
        (room,) = Room.objects.filter(kind=Room.Kind.DIRECT)
        assert set(room.members.values_list("name", flat=True)) == {"alice", "bob"}


def test_it_has_no_title_but_people_and_nobody_comes_in_or_goes(acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    room = begins(acme, acme.owner, bob).room
    (state,) = acme.inside(rooms.states, bob.actor, [room])
    assert (state.kind, state.title, [each.user for each in state.people or []]) == ("direct", "", ["alice"])
    with pytest.raises(Refused, match="no such room"):
        acme.inside(rooms.visible, carol.actor, room)
    for verb, arguments in [
        (hosting.invite, [[carol.actor.user_id]]),
        (hosting.expel, [bob.actor.user_id]),
        (hosting.change, []),
        (hosting.archive, []),
    ]:
        with pytest.raises(Refused, match="stays between"):
            acme.inside(verb, acme.owner.actor, room, *arguments)
    with pytest.raises(Refused, match="cannot be left"):
        acme.inside(rooms.leave, bob.actor, room)


def test_one_may_talk_to_oneself(acme: Org) -> None:
    notes = begins(acme, acme.owner)
    assert (notes.kind, notes.people) == ("direct", [])
    assert begins(acme, acme.owner, acme.owner).room == notes.room
    says(acme, acme.owner, notes.room, "buy milk")


def test_it_needs_people_who_are_here(acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    with pytest.raises(Refused, match="no such person"):
        acme.inside(conversations.direct, bob.actor, [10_000])
    acme.inside(members.deactivate, acme.owner.actor, carol.actor.user_id)
    with pytest.raises(Refused, match="carol is deactivated"):
        begins(acme, bob, carol)
    with pytest.raises(Refused, match="at most 9"):
        acme.inside(conversations.direct, bob.actor, range(1, 30))
    with pytest.raises(Problem, match="role does not allow"):
        begins(acme, acme.add("gus", Role.GUEST), bob)


def test_who_is_deactivated_is_written_to_no_more_but_can_be_read(acme: Org) -> None:
    bob = acme.add("bob")
    room = begins(acme, acme.owner, bob).room
    says(acme, bob, room, "I will be away")
    acme.inside(members.deactivate, acme.owner.actor, bob.actor.user_id)
    with pytest.raises(Refused, match="deactivated"):
        says(acme, acme.owner, room, "where are you?")
    assert begins(acme, acme.owner, bob).room == room
    found, _, _ = acme.inside(messages.page, acme.owner.actor, room)
    assert [each.message for each in found] == ["I will be away"]
    acme.inside(members.reactivate, acme.owner.actor, bob.actor.user_id)
    says(acme, acme.owner, room, "welcome back")


def test_who_has_left_a_group_is_in_the_next_one_only(acme: Org) -> None:
    bob, carol, dai = (acme.add(name) for name in ("bob", "carol", "dai"))
    first = begins(acme, bob, carol, dai)
    assert (first.kind, [each.user for each in first.people or []]) == ("group", ["carol", "dai"])
    assert begins(acme, dai, carol, bob).room == first.room
    acme.inside(rooms.leave, carol.actor, first.room)
    with pytest.raises(Refused, match="no such room"):
        acme.inside(rooms.visible, carol.actor, first.room)
    assert begins(acme, carol, bob, dai).room != first.room
    says(acme, bob, first.room, "between us two")


async def test_a_conversation_appears_for_who_is_spoken_to(server: Running, acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=bob) as client, opened(server, globex, by=globex.owner) as mallory:
        await client.hears(on="welcome")
        with server.client(acme.space.slug, acme.owner.token) as http:
            begun = http.post("/api/v1/conversations", json={"people": [bob.actor.user_id]})
            assert begun.status_code == 200, begun.text
            http.post(f"/api/v1/rooms/{begun.json()['room']}/messages", json={"message": "psst"})
        room = begun.json()["room"]
        appeared = await client.hears(on="room", room=room)
        assert [each["user"] for each in appeared["state"]["people"]] == ["alice"]
        await client.asks("join", room=room, since=0)
        assert (await client.hears(on="replay", room=room))["messages"][0]["message"] == "psst"
        assert (await mallory.asks("join", room=room))["code"] == "not_found"
