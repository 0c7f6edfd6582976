"""Public rooms: what they are, who is brought into them, and how they are looked after."""

from typing import Any

import httpx
import pytest

from realtime.chat import changes as edits
from realtime.chat import hosting, messages, rooms
from realtime.protocol import Delete, Edit, React, Refused
from tenants.directory import Space
from tenants.people import members
from tenants.people.models import Settings
from tenants.problems import Problem
from tenants.roles import Role
from tenants.schema import entered
from tenants.signals import joined
from tests.cast import Member, Org
from tests.clients import opened
from tests.realtime.furniture import changes, opens, says
from tests.running import Running


def test_a_room_is_public_or_private_as_asked_for_and_never_by_a_slip(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    with server.client(acme.space.slug, bob.token) as http:

        def asks(**body: Any) -> httpx.Response:
            return http.post("/api/v1/rooms", json=body)

        public = asks(title="Kite flying", topic="Only in wind")
        assert (public.status_code, public.json()["room"], public.json()["kind"]) == (201, "kite-flying", "public")
        assert (public.json()["topic"], public.json()["members"], public.json()["joined"]) == ("Only in wind", 1, True)
        assert asks(title="Kites", room="kite-flying").status_code == 422
        private = asks(title="Kite flying", kind="private")
        assert (private.status_code, private.json()["kind"]) == (201, "private")
        assert asks(title="Kite flying", private=True).status_code == 422
        assert asks(title="Kite flying", kind="direct").status_code == 422
    with server.client(acme.space.slug, acme.owner.token) as http:
        found = http.get("/api/v1/rooms", params={"text": "kite"}).json()["rooms"]
        assert [each["room"] for each in found] == ["kite-flying"]


def test_nobody_chooses_an_address_like_that_of_a_private_room(acme: Org) -> None:
    for address in (opens(acme, acme.owner, private=True), "a" * rooms.RANDOM):
        with pytest.raises(Refused, match="given by us"):
            acme.inside(rooms.open, acme.add("bob" + address).actor, "Plans", address)
    assert acme.inside(rooms.open, acme.owner.actor, "responsibilitys").room == "responsibilitys"
    assert acme.inside(rooms.open, acme.owner.actor, "responsibilities").room.startswith("responsibilities-")


def test_a_room_is_looked_after_by_its_maker_and_by_moderators(acme: Org) -> None:
    maker, member, moderator = acme.add("maker"), acme.add("member"), acme.add("mod", Role.MODERATOR)
    room = opens(acme, maker, "Plans", member)
    assert changes(acme, maker, room, topic="What next").topic == "What next"
    assert changes(acme, moderator, room, title="What next").title == "What next"
    for verb in (hosting.archive, hosting.restore):
        with pytest.raises(Problem, match="role does not allow"):
            acme.inside(verb, member.actor, room)
    acme.inside(rooms.leave, maker.actor, room)
    acme.inside(rooms.join, maker.actor, [room])
    for who in (maker, member):
        with pytest.raises(Problem, match="role does not allow"):
            changes(acme, who, room, title="Mine again")
    acme.inside(hosting.archive, moderator.actor, room)


def test_who_is_deactivated_looks_after_nothing_any_more(acme: Org) -> None:
    maker = acme.add("maker")
    room = opens(acme, maker, "Plans")
    acme.inside(members.deactivate, acme.owner.actor, maker.actor.user_id)
    acme.inside(members.reactivate, acme.owner.actor, maker.actor.user_id)
    with pytest.raises(Problem, match="role does not allow"):
        changes(acme, maker, room, title="Mine")
    (listed,) = [each for each in acme.inside(rooms.listed, acme.owner.actor) if each.room == room]
    assert listed.members == 1


def test_only_announcements_are_made_where_that_is_asked_for(acme: Org) -> None:
    maker, member, moderator = acme.add("maker"), acme.add("member"), acme.add("mod", Role.MODERATOR)
    room = acme.inside(rooms.open, maker.actor, "News").room
    for each in (member, moderator):
        acme.inside(rooms.join, each.actor, [room])
    assert changes(acme, maker, room, announcements=True).announcements
    for speaker in (maker, moderator):
        says(acme, speaker, room, f"from {speaker.name}")
    with pytest.raises(Refused, match="announcements"):
        says(acme, member, room)


def test_in_an_archived_room_nothing_more_is_said_and_nobody_joins(acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    room = acme.inside(rooms.open, bob.actor, "Old plans").room
    says(acme, bob, room, "the last word")
    assert acme.inside(hosting.archive, bob.actor, room).archived
    with pytest.raises(Refused, match="archived"):
        says(acme, bob, room, "one more")
    for change in (
        (edits.edit, Edit(room=room, seq=1, message="another word")),
        (edits.delete, Delete(room=room, seq=1)),
        (edits.react, React(room=room, seq=1, emoji="👍")),
    ):
        with pytest.raises(Refused, match="archived"):
            acme.inside(change[0], bob.actor, change[1])
    with pytest.raises(Refused, match="archived"):
        acme.inside(hosting.invite, bob.actor, room, [carol.actor.user_id])
    assert acme.inside(rooms.join, carol.actor, [room]) == []
    found, _, _ = acme.inside(messages.page, carol.actor, room)
    assert [each.message for each in found] == ["the last word"]
    assert not acme.inside(hosting.restore, bob.actor, room).archived
    says(acme, bob, room, "one more")
    with pytest.raises(Refused, match="Newcomers"):
        acme.inside(hosting.archive, acme.owner.actor, "general")


async def test_everybody_in_the_room_sees_its_new_title(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    async with opened(server, acme, by=bob) as client:
        await client.asks("join", room="general")
        while not any(frame["on"] == "room" for frame in client.heard):  # ephemeral: told again if it was lost
            changes(acme, acme.owner, "general", title="Lobby", topic="Say hello")
            changes(acme, acme.owner, "general", title="General")
            await client.asks("read", room="general", seq=0)
        assert {frame["title"] for frame in client.heard if frame["on"] == "room"} <= {"Lobby", "General"}


def test_newcomers_are_put_into_default_rooms_and_those_of_their_invitation(acme: Org) -> None:
    owner = acme.owner
    handbook, old, board, other = (
        opens(acme, owner, title, private=title == "Board") for title in ("Handbook", "Old", "Board", "Other")
    )
    acme.inside(hosting.archive, owner.actor, old)
    with entered(acme.space.schema_name):
        Settings.objects.create(pk=1, default_rooms=[handbook, old, board, "not there"])
    bob, gus = acme.add("bob"), acme.add("gus", Role.GUEST)
    assert own(acme, bob) == {"general", handbook}
    assert own(acme, gus) == set()
    assert acme.inside(rooms.listed, gus.actor) == []

    for who in (bob, gus):
        acme.inside(lambda who=who: joined.send(Space, space=acme.space, user_id=who.actor.user_id, rooms=[board, old]))
    assert own(acme, bob) == {"general", handbook, board}
    assert own(acme, gus) == {board}
    with pytest.raises(Refused, match="no such room"):
        acme.inside(rooms.visible, gus.actor, other)


def own(org: Org, who: Member) -> set[str]:
    return {state.room for state in org.inside(rooms.states, who.actor) if state.joined}


def test_what_was_said_before_somebody_came_counts_as_read(acme: Org) -> None:
    says(acme, acme.owner, "general", "before")
    bob = acme.add("bob")
    says(acme, acme.owner, "general", "after")
    (general,) = acme.inside(rooms.states, bob.actor)
    assert (general.read, general.unread) == (1, 1)


def test_rooms_and_their_people_come_in_pages(server: Running, acme: Org) -> None:
    for number in range(5):
        acme.inside(rooms.open, acme.owner.actor, f"Room {number}")
        acme.add(f"p{number}")
    with server.client(acme.space.slug, acme.owner.token) as http:
        assert pages(http, "/api/v1/rooms", "rooms", "title") == ["General", *(f"Room {n}" for n in range(5))]
        assert pages(http, "/api/v1/rooms/general/members", "members", "user") == [
            "alice",
            *(f"p{n}" for n in range(5)),
        ]


def pages(http: httpx.Client, path: str, name: str, field: str) -> list[str]:
    found: list[str] = []
    after: dict[str, Any] = {}
    while True:
        page = http.get(path, params={"limit": 2, **after}).json()
        assert len(page[name]) <= 2
        found += [each[field] for each in page[name]]
        if "next" not in page:
            return found
        after = {"after": page["next"]}
