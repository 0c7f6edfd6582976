"""How far people have read: kept across their devices, told to nobody else, and what is left to read."""

from typing import Any

import pytest
from django.db import connection

from realtime.chat import changes, messages, reading, rooms
from realtime.chat.models import Membership
from realtime.protocol import Delete, Edit, Post, Read, ReadUp, Refused
from tests.cast import Member, Org
from tests.clients import nothing_for, opened
from tests.running import Running


def say(org: Org, who: Member, text: str = "hello", room: str = "general") -> int:
    post = Post(room=room, client_id=messages.new_client_id(), message=text)
    return int(org.inside(messages.post, who.actor, post).event.seq)


def read(org: Org, who: Member, seq: int, room: str = "general") -> ReadUp:
    return org.inside(reading.mark_read, who.actor, Read(room=room, seq=seq))


def left(org: Org, who: Member, room: str = "general") -> tuple[int, int, int]:
    """Read up to where; what is unread after it; how much of that mentions this person."""
    (state,) = org.inside(rooms.states, who.actor, [room])
    return state.read, state.unread, state.mentions


def test_what_others_have_said_since_is_unread(acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    for who in (acme.owner, bob, acme.owner):
        say(acme, who)
    assert (left(acme, acme.owner), left(acme, bob), left(acme, carol)) == ((0, 1, 0), (0, 2, 0), (0, 3, 0))
    assert read(acme, carol, 1) == ReadUp(room="general", seq=1, unread=2, mentions=0)
    assert left(acme, carol) == (1, 2, 0)
    assert left(acme, bob) == (0, 2, 0)


def test_reading_never_goes_back_nor_ahead_of_the_room(acme: Org) -> None:
    bob = acme.add("bob")
    for _ in range(3):
        say(acme, acme.owner)
    assert [read(acme, bob, seq).seq for seq in (2, 1, 0, 2**53 - 1, 2)] == [2, 2, 2, 3, 3]
    say(acme, acme.owner)
    assert left(acme, bob) == (3, 1, 0)


def test_who_comes_into_a_room_has_nothing_unread(acme: Org) -> None:
    acme.inside(lambda: rooms.open(acme.owner.actor, "Plans", "plans"))
    for room in ("plans", "general"):
        say(acme, acme.owner, f"before <@{acme.owner.actor.user_id}>", room)
    bob = acme.add("bob")
    assert left(acme, bob) == (1, 0, 0)
    assert left(acme, bob, "plans") == (1, 0, 0), "not in it: nothing there is waiting for them"
    acme.inside(rooms.join, bob.actor, ["plans"])
    assert left(acme, bob, "plans") == (1, 0, 0)
    say(acme, acme.owner, room="plans")
    assert left(acme, bob, "plans") == (1, 1, 0)


def test_a_mention_counts_until_it_is_read_deleted_or_edited_away(acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    you, alice = f"<@{bob.actor.user_id}>", acme.owner.actor
    first, second, third = (say(acme, acme.owner, text) for text in (f"hey {you}", f"{you} {you}!", f"and {you}"))
    assert (left(acme, bob), left(acme, carol)) == ((0, 3, 3), (0, 3, 0))
    acme.inside(changes.edit, alice, Edit(room="general", seq=second, message="never mind"))
    assert left(acme, bob) == (0, 3, 2)
    acme.inside(changes.delete, alice, Delete(room="general", seq=third))
    assert left(acme, bob) == (0, 2, 1)
    assert read(acme, bob, first) == ReadUp(room="general", seq=first, unread=1, mentions=0)
    acme.inside(changes.edit, alice, Edit(room="general", seq=second, message=f"{you} after all"))
    assert left(acme, bob) == (first, 1, 1)
    say(acme, bob, f"me, {you}")
    assert left(acme, bob) == (first, 1, 1)


def test_counting_stops_at_a_hundred_and_finds_mentions_beyond(acme: Org) -> None:
    bob = acme.add("bob")

    def fill() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO chat_message (room_id, seq, changed_seq, author_id, client_id, body, mentions)"
                " SELECT r.id, n, n, %s, 'x' || n, 'm' || n, CASE WHEN n > 4990 THEN ARRAY[%s::bigint] END"
                " FROM chat_room r, generate_series(1, 5000) n",
                [acme.owner.actor.user_id, bob.actor.user_id],
            )
            cursor.execute("UPDATE chat_room SET seq = 5000")

    acme.inside(fill)
    assert left(acme, bob) == (0, 100, 10)
    assert left(acme, acme.owner) == (0, 0, 0)


def test_a_room_that_one_is_not_in_cannot_be_read(acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    room = acme.inside(lambda: rooms.open(acme.owner.actor, "Board", private=True).room)
    say(acme, acme.owner, room=room)
    for org, who, where in ((acme, bob, room), (acme, bob, "nowhere"), (globex, globex.owner, room)):
        with pytest.raises(Refused, match="not_found"):
            read(org, who, 1, where)
    assert not acme.inside(lambda: Membership.objects.filter(user_id=bob.actor.user_id, read_seq__gt=0).exists())


async def test_reading_on_one_device_is_told_to_the_others_of_the_same_person_and_to_nobody_else(
    server: Running, acme: Org, globex: Org
) -> None:
    bob = acme.add("bob")
    async with (
        opened(server, acme, by=bob) as phone,
        opened(server, acme, by=bob) as laptop,
        opened(server, acme, "/ws/notification/", by=bob) as script,
        opened(server, acme, by=acme.owner) as alice,
        opened(server, globex, by=globex.owner) as mallory,
    ):
        for client in (phone, laptop, alice, mallory):
            await client.asks("hello")
        for text in ("one", f"two <@{bob.actor.user_id}>", "three"):
            await alice.posts(text)
        assert (await phone.asks("read", room="general", seq=1))["on"] == "ack"
        for client in (phone, laptop):
            assert await client.hears(on="read") == {
                "on": "read",
                "room": "general",
                "seq": 1,
                "unread": 2,
                "mentions": 1,
            }
        assert (await laptop.asks("read", room="general", seq=3))["on"] == "ack"
        await phone.hears(on="read", seq=3, unread=0, mentions=0)
        for org, others in ((acme, (alice, script)), (globex, (mallory,))):
            publish(server, org, "fire drill")
            for client in others:
                await client.hears(on="notice")
                nothing_for(client, '"on": "read"')
    async with opened(server, acme, by=bob) as later:
        (state,) = (await later.hears(on="welcome"))["rooms"]
        assert (state["read"], state["unread"], state["mentions"]) == (3, 0, 0)


def publish(server: Running, org: Org, text: str) -> None:
    """A notice goes the way that the news of reading goes: whoever has heard it has heard what came before."""
    with server.client(org.space.slug, token=org.owner.token) as http:
        assert http.post("/api/v1/notices", json={"message": text}).status_code == 201


def test_scripts_mark_as_read_over_rest(server: Running, acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    for _ in range(2):
        say(acme, acme.owner)
    with server.client(acme.space.slug, token=bob.token) as http:
        (state,) = http.get("/api/v1/rooms").json()["rooms"]
        assert (state["read"], state["unread"], state["mentions"]) == (0, 2, 0)
        told: Any = http.put("/api/v1/rooms/general/read", json={"seq": 1}).json()
        assert told == {"on": "read", "room": "general", "seq": 1, "unread": 1, "mentions": 0}
        assert http.put("/api/v1/rooms/nowhere/read", json={"seq": 1}).status_code == 404
        for wrong in ({"seq": -1}, {"seq": 2**53}, {"seq": "x"}, {}):
            assert http.put("/api/v1/rooms/general/read", json=wrong).status_code == 422
    with server.client(acme.space.slug, token=globex.owner.token) as mallory:
        assert mallory.put("/api/v1/rooms/general/read", json={"seq": 2}).status_code == 401
    assert left(acme, bob) == (1, 1, 0)
