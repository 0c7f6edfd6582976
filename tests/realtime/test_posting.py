"""messages.post: numbered, once, or not at all."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import override_settings

from realtime import events
from realtime.chat import messages, replays, rooms
from realtime.chat.models import Message, Room
from realtime.protocol import Post, Refused
from tenants.schema import entered
from tests.cast import Member, Org


def post(org: Org, who: Member, text: str = "hello", client_id: str = "", room: str = "general") -> Any:
    with entered(org.space.schema_name):
        return messages.post(who.actor, Post(room=room, client_id=client_id or text, message=text))


def test_messages_of_a_room_are_numbered_from_one_without_gaps(acme: Org) -> None:
    assert [post(acme, acme.owner, f"m{number}").event.seq for number in range(5)] == [1, 2, 3, 4, 5]


def test_the_same_client_id_says_it_once_and_burns_no_number(acme: Org) -> None:
    first = post(acme, acme.owner, "once", "id-1")
    again = post(acme, acme.owner, "once", "id-1")
    later = post(acme, acme.owner, "next", "id-2")
    assert (first.is_new, again.is_new) == (True, False)
    assert again.event == first.event
    assert later.event.seq == first.event.seq + 1


def test_the_same_client_id_of_another_person_is_another_message(acme: Org) -> None:
    bob = acme.add("bob")
    assert post(acme, acme.owner, "mine", "id-1").event.seq == 1
    assert post(acme, bob, "mine too", "id-1").event.seq == 2


@override_settings(LIMITS="unlimited")
def test_posts_at_the_same_time_get_every_number_once(acme: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(8)]

    def talk(person: Member) -> None:
        for number in range(10):
            post(acme, person, f"{person.name}-{number}")
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(talk, people))
    with entered(acme.space.schema_name):
        assert sorted(Message.objects.values_list("seq", flat=True)) == list(range(1, 81))
        assert Room.objects.get().seq == 80


def test_who_is_not_in_a_room_cannot_post_there(acme: Org) -> None:
    bob = acme.add("bob")
    with entered(acme.space.schema_name):
        rooms.open(acme.owner.actor, "Elsewhere", "elsewhere")
    with pytest.raises(Refused) as refused:
        post(acme, bob, room="elsewhere")
    assert refused.value.code == "not_found"
    with entered(acme.space.schema_name):
        rooms.join(bob.actor, ["elsewhere"])
    assert post(acme, bob, room="elsewhere").is_new
    with entered(acme.space.schema_name):
        rooms.leave(bob.actor, "elsewhere")
    with pytest.raises(Refused):
        post(acme, bob, "again", room="elsewhere")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \t\n\u3000", "empty"),
        ("a\0b", "bad_text"),
        ("half \ud83d", "bad_text"),
        ("x" * 16_001, "too_long"),
    ],
)
def test_what_cannot_be_said_is_refused_by_a_code_of_its_own(acme: Org, text: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        post(acme, acme.owner, text, "id")
    assert refused.value.code == code
    with entered(acme.space.schema_name):
        assert Room.objects.get().seq == 0


@pytest.mark.parametrize("text", ["  kept  ", "e\u0301 is not \u00e9", "x" * 16_000, "\u200b", "a\r\nb", "\ufeffbom"])
def test_everything_else_is_kept_unchanged(acme: Org, text: str) -> None:
    assert post(acme, acme.owner, text, "id").event.message == text
    with entered(acme.space.schema_name):
        assert Message.objects.get().body == text


def test_somebody_who_posts_too_fast_is_told_when_to_come_back_and_others_are_not_held_up(acme: Org) -> None:
    bob = acme.add("bob")

    def flood() -> None:
        for number in range(100):
            post(acme, bob, f"flood {number}")

    with pytest.raises(Refused) as refused:
        flood()
    assert refused.value.code == "rate_limited"
    assert 0 < (refused.value.retry_after or 0) <= 1
    assert post(acme, acme.owner).is_new


def test_history_pages_meet_without_gap_or_overlap(acme: Org) -> None:
    for number in range(12):
        post(acme, acme.owner, f"m{number}")
    with entered(acme.space.schema_name):
        newest, through, more = messages.page(acme.owner.actor, "general", limit=5)
        older, _, more_still = messages.page(acme.owner.actor, "general", before=newest[0].seq, limit=5)
        oldest, _, end = messages.page(acme.owner.actor, "general", before=older[0].seq, limit=5)
        after, _, _ = messages.page(acme.owner.actor, "general", after=10, limit=5)
    assert [m.seq for m in oldest + older + newest] == list(range(1, 13))
    assert (through, more, more_still, end) == (12, True, True, False)
    assert [m.seq for m in after] == [11, 12]


def test_a_replay_tells_how_far_it_reaches(acme: Org) -> None:
    for number in range(3):
        post(acme, acme.owner, f"m{number}")
    with entered(acme.space.schema_name):
        replay = replays.since(acme.owner.actor, "general", 1)
    assert ([m.seq for m in replay.messages], replay.through, replay.complete) == ([2, 3], 3, True)


def test_what_is_posted_while_the_server_ends_is_stored_and_acknowledged(
    acme: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.new_event_loop()
    ended.close()
    monkeypatch.setattr(events, "_loop", ended)
    assert post(acme, acme.owner).is_new


def said(who: Member, text: str, room: str = "general", client_id: str = "") -> tuple[Any, Post]:
    return who.actor, Post(room=room, client_id=client_id or text, message=text)


def admitted(who: Member, text: str, room: str = "general", client_id: str = "") -> messages.Admitted:
    return messages.admit(*said(who, text, room, client_id))


def test_what_is_said_at_once_is_one_commit_and_numbered_in_its_order(acme: Org) -> None:
    bob = acme.add("bob")
    with entered(acme.space.schema_name):
        posted = messages.post_all([admitted(bob if turn % 2 else acme.owner, f"m{turn}") for turn in range(20)])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT xmin::text) FROM chat_message")
            assert cursor.fetchone() == (1,)
    assert [(each.event.seq, each.event.message) for each in posted] == [(turn + 1, f"m{turn}") for turn in range(20)]


def test_of_what_is_said_at_once_each_is_answered_for_itself(acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    with entered(acme.space.schema_name):
        rooms.open(acme.owner.actor, "Elsewhere", "elsewhere")
        first = messages.post(*said(bob, "first"))
        found = messages.post_all(
            [
                admitted(bob, "second"),
                admitted(bob, "not here", room="elsewhere"),
                admitted(bob, "first"),
                admitted(acme.owner, "there", room="elsewhere"),
                admitted(bob, "twice", client_id="again"),
                admitted(bob, "twice", client_id="again"),
                admitted(bob, "last"),
            ]
        )
        assert [row.body for row in Message.objects.filter(room__address="general").order_by("seq")] == [
            "first",
            "second",
            "twice",
            "last",
        ]
    told = [each.code if isinstance(each, Refused) else (each.event.seq, each.is_new) for each in found]  # type: ignore[union-attr]
    assert told == [(2, True), "not_found", (1, False), (1, True), (3, True), (3, False), (4, True)]
    assert found[2].event == first.event  # type: ignore[union-attr]
    with entered(globex.space.schema_name):
        assert messages.post(*said(globex.owner, "apart")).event.seq == 1


def test_what_cannot_be_stored_takes_nothing_else_with_it(acme: Org) -> None:
    with entered(acme.space.schema_name):
        before, broken, after = messages.post_all(
            [
                admitted(acme.owner, "before"),
                admitted(acme.owner, "broken", client_id="x" * 65),
                admitted(acme.owner, "after"),
            ]
        )
    assert isinstance(broken, DatabaseError)
    assert [each.event.seq for each in (before, after)] == [1, 2]  # type: ignore[union-attr]


@override_settings(LIMITS="unlimited")
def test_processes_that_post_in_several_rooms_at_once_do_not_block_each_other(acme: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(12)]
    with entered(acme.space.schema_name):
        rooms.open(acme.owner.actor, "Elsewhere", "elsewhere")
        for person in people:
            rooms.join(person.actor, ["elsewhere"])

    def talk(person: Member) -> None:
        there = ["elsewhere", "general"]
        for turn in range(4):
            there.reverse()
            with entered(acme.space.schema_name):
                found = messages.post_all([admitted(person, f"{person.name}-{turn}-{room}", room) for room in there])
            assert all(isinstance(each, messages.Posted) for each in found)
        connection.close()

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(talk, people))


def test_a_post_is_refused_without_the_database(acme: Org, globex: Org) -> None:
    """No database thread takes part in what comes too fast, so nobody waits there behind a flood."""
    with connection.execute_wrapper(_nothing), entered(acme.space.schema_name):
        codes = []
        for turn in range(30):
            try:
                admitted(acme.owner, f"m{turn}")
            except Refused as refused:
                codes.append((refused.code, refused.retry_after is not None))
    assert 5 <= len(codes) < 30
    assert set(codes) == {("rate_limited", True)}
    assert post(globex, globex.owner).is_new


def _nothing(*_: Any) -> Any:
    raise AssertionError("the database was asked")
