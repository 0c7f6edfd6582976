"""Who may edit and delete what, where, and how often."""

import pytest

from realtime.chat import hosting, messages, rooms
from realtime.protocol import Refused
from tenants.people.models import AuditEntry, Role
from tenants.problems import Problem
from tests.cast import Org
from tests.realtime.changing import delete, edit, react, say, seq_of


def test_nobody_edits_what_somebody_else_has_said(acme: Org) -> None:
    bob, moderator = acme.add("bob"), acme.add("carol", Role.MODERATOR)
    seq = say(acme, bob, "bob's own words")
    for other in (acme.owner, moderator, acme.add("dave")):
        with pytest.raises(Refused) as refused:
            edit(acme, other, seq, "other words")
        assert refused.value.code == "forbidden"
    assert edit(acme, bob, seq, "my words").message == "my words"


def test_members_delete_their_own_moderators_anybodys_and_that_is_audited(acme: Org, globex: Org) -> None:
    bob, moderator = acme.add("bob"), acme.add("carol", Role.MODERATOR)
    seq, own = say(acme, bob, "rude words"), say(acme, bob, "regretted")
    with pytest.raises(Problem) as refused:
        delete(acme, acme.add("dave"), seq)
    assert refused.value.code == "forbidden"
    assert delete(acme, bob, own).deleted
    assert delete(acme, moderator, seq).deleted
    lines = acme.inside(lambda: list(AuditEntry.objects.filter(what="messages.delete").values()))
    assert [(line["name"], line["whom"], line["detail"]) for line in lines] == [
        ("carol", "bob", {"room": "general", "seq": seq})
    ]
    assert globex.inside(lambda: AuditEntry.objects.filter(what="messages.delete").count()) == 0


def test_the_audit_log_is_silent_about_what_is_deleted_in_private(acme: Org) -> None:
    bob, moderator = acme.add("bob"), acme.add("carol", Role.MODERATOR)
    room = acme.inside(lambda: rooms.open(bob.actor, "Board", private=True).room)
    seq = say(acme, bob, "rude words", room)
    with pytest.raises(Refused) as refused:
        delete(acme, moderator, seq, room)
    assert refused.value.code == "not_found"
    acme.inside(lambda: hosting.invite(bob.actor, room, [moderator.actor.user_id]))
    assert delete(acme, moderator, seq, room).deleted
    assert not acme.inside(lambda: AuditEntry.objects.filter(what="messages.delete").exists())


def test_who_is_not_in_a_room_changes_nothing_there(acme: Org, globex: Org) -> None:
    """Not even in a public one that they may read; and people of another organisation do not find it at all."""
    bob = acme.add("bob")
    acme.inside(lambda: rooms.open(acme.owner.actor, "Plans", "plans"))
    globex.inside(lambda: rooms.open(globex.owner.actor, "Plans", "plans"))
    seq = say(acme, acme.owner, "of acme", "plans")
    assert say(globex, globex.owner, "of globex", "plans") == seq
    for change in (
        lambda: edit(acme, bob, seq, "x", "plans"),
        lambda: delete(acme, bob, seq, "plans"),
        lambda: react(acme, bob, seq, room="plans"),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.code == "not_found"
    edit(globex, globex.owner, seq, "changed in globex", "plans")
    assert acme.inside(messages.one, bob.actor, "plans", seq).message == "of acme"


def test_nothing_changes_in_an_archived_room(acme: Org) -> None:
    acme.inside(lambda: rooms.open(acme.owner.actor, "Plans", "plans"))
    seq = say(acme, acme.owner, "over", "plans")
    acme.inside(lambda: hosting.archive(acme.owner.actor, "plans"))
    for change in (
        lambda: edit(acme, acme.owner, seq, "x", "plans"),
        lambda: delete(acme, acme.owner, seq, "plans"),
        lambda: react(acme, acme.owner, seq, room="plans"),
    ):
        with pytest.raises(Refused, match="forbidden"):
            change()
    assert seq_of(acme, "plans") == seq


def test_who_changes_too_fast_is_told_when_to_come_back(acme: Org) -> None:
    seq = say(acme, acme.owner, "hello")

    def flicker() -> None:
        for number in range(200):
            react(acme, acme.owner, seq, remove=number % 2 == 1)

    with pytest.raises(Refused) as refused:
        flicker()
    assert (refused.value.code, refused.value.retry_after is not None) == ("rate_limited", True)
