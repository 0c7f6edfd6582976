"""Who comes at once is asked for at once: few statements for many, and to each what is theirs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime.chat import entering, hosting, replays, rooms
from realtime.chat.entering import Wish
from realtime.chat.replays import Since
from realtime.protocol import Refused, Replay
from tests.cast import Member, Org
from tests.realtime.furniture import opens, says


def counted(org: Org, verb: Callable[..., Any], *args: Any) -> tuple[Any, int]:
    def call() -> tuple[Any, int]:
        with CaptureQueriesContext(connection) as captured:
            return verb(*args), len([each for each in captured if "search_path" not in each["sql"]])

    return org.inside(call)


def enters(org: Org, *wishes: Wish) -> tuple[Any, int]:
    return counted(org, entering.enter_all, wishes)


def test_a_crowd_enters_with_one_statement_and_each_hears_what_is_theirs(acme: Org, globex: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(20)]
    plans = opens(acme, people[0], "Plans", people[1], private=True)
    mallory = globex.owner
    theirs = opens(globex, mallory, "Theirs", private=True)
    assert enters(globex, Wish(mallory.actor, [theirs]))[0] == [{theirs: 0}], "mallory exists, and is in her room"

    found, statements = enters(acme, *(Wish(each.actor, ["general", plans, theirs]) for each in people))

    assert statements == 1
    assert found[:2] == [{"general": 0, plans: 0}] * 2
    assert found[2:] == [{"general": 0}] * 18
    assert enters(globex, Wish(mallory.actor, ["general", plans]))[0] == [{"general": 0}]


def test_who_wishes_to_join_is_let_in_or_told_why_not_and_nobody_else_suffers(acme: Org) -> None:
    alice, bob = acme.owner, acme.add("bob")
    public, archived = opens(acme, alice, "Kites"), opens(acme, alice, "Old")
    private = opens(acme, alice, "Plans", private=True)
    acme.inside(hosting.archive, alice.actor, archived)

    found, _ = enters(
        acme,
        Wish(bob.actor, [private], joins=True),
        Wish(bob.actor, ["nowhere"], joins=True),
        Wish(bob.actor, [archived], joins=True),
        Wish(alice.actor, [archived], joins=True),
        Wish(bob.actor, [public]),
        Wish(bob.actor, [public], joins=True),
    )

    assert [each.code for each in found[:2] if isinstance(each, Refused)] == ["not_found"] * 2
    assert found[2:] == [{}, {archived: 0}, {}, {public: 0}]
    assert acme.inside(rooms.standing, {(bob.actor.user_id, public), (bob.actor.user_id, private)}).keys() == {
        (bob.actor.user_id, public)
    }


def test_what_many_have_missed_is_read_once_and_told_to_those_who_are_in_the_room(acme: Org, globex: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(20)]
    bob, mallory = acme.add("bob"), globex.owner
    plans = opens(acme, people[0], "Plans", *people[1:], private=True)
    for number in range(5):
        says(acme, people[0], plans, f"secret {number}")

    found, statements = counted(
        acme,
        replays.since_all,
        [
            *(Since(each.actor, plans, 3) for each in people),
            Since(people[3].actor, plans, 5),
            Since(bob.actor, plans, 0),
        ],
    )

    assert statements == 2
    *heard, nothing_new, refused = found
    assert {tuple(message.message for message in replay.messages) for replay in heard} == {("secret 3", "secret 4")}
    assert (nothing_new.messages, nothing_new.through, nothing_new.complete) == ([], 5, True)
    assert isinstance(refused, Refused)
    for org, who in ((acme, bob), (globex, mallory)):
        with pytest.raises(Refused, match="not in this room"):
            since(org, who, plans)


def since(org: Org, who: Member, room: str) -> Replay:
    return org.inside(replays.since, who.actor, room, 0)
