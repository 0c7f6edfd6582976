"""Notices: who hears them, on which road, and who does not."""

import asyncio
import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from realtime import events
from realtime.chat import rooms
from realtime.notices import notices, publishing
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice, Receipt
from tenants import jobs
from tenants.people.models import Role, User
from tenants.problems import Problem
from tests.cast import Member, Org
from tests.clients import Client, opened
from tests.realtime.test_rest import as_
from tests.running import Running


def publish(org: Org, text: str, by: Member | None = None, **more: Any) -> Notice:
    row = org.inside(lambda: publishing.publish((by or org.owner).actor, Draft(message=text, **more)))
    events.flush()
    return row


def heard(client: Client) -> list[str]:
    return [frame["message"] for frame in client.heard if frame["on"] == "notice"]


async def test_a_notice_for_some_is_heard_by_them_alone_live_and_later(server: Running, acme: Org, globex: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    async with (
        opened(server, acme, by=bob) as his,
        opened(server, acme, by=carol) as hers,
        opened(server, acme, "/ws/notification/", by=carol) as script,
        opened(server, globex, by=globex.owner) as mallory,
    ):
        for client in (his, hers, mallory):
            await client.hears(on="receipts")
        publish(acme, "for bob", audience="people", of=(bob.actor.user_id,))
        publish(acme, "for all")
        publish(globex, "for globex")
        assert (await his.hears(on="notice"))["message"] == "for bob"
        for client in (hers, script):
            await client.hears(on="notice", message="for all")
        await mallory.hears(on="notice", message="for globex")
        assert (heard(hers), heard(script), heard(mallory)) == (["for all"], ["for all"], ["for globex"])
    for path in ("/ws/", "/ws/notification/", "/ws/notification/?since=0"):
        async with opened(server, acme, path, by=carol) as later:
            await later.hears(on="notice", message="for all")
            assert heard(later) == ["for all"]
        async with opened(server, acme, path, by=bob) as later:
            await later.hears(on="notice", message="for all")
            assert heard(later) == ["for bob", "for all"]
    with as_(server, acme, carol) as http:
        assert [each["message"] for each in http.get("/api/v1/notices").json()["notices"]] == ["for all"]


@pytest.mark.parametrize("lost", ["withdrawn", "published"])
async def test_what_the_layer_loses_control_tells_and_only_to_whom_it_is_for(
    server: Running, acme: Org, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    async with opened(server, acme, by=bob) as his, opened(server, acme, by=carol) as hers:
        for client in (his, hers):
            await client.hears(on="receipts")
        row = publish(acme, "for bob", audience="people", of=(bob.actor.user_id,))
        await his.hears(on="notice", message="for bob")
        monkeypatch.setattr(events, "_start", lambda envelope: None)  # from this process nothing reaches the layer
        began = asyncio.get_running_loop().time()
        if lost == "withdrawn":
            acme.inside(lambda: publishing.withdraw(acme.owner.actor, row.pk))
            gone = await his.hears(on="notice", state="withdrawn")
            assert (gone["seq"], gone["message"], gone["title"]) == (row.seq, "", "")
        else:
            publish(acme, "for bob again", audience="people", of=(bob.actor.user_id,))
            await his.hears(on="notice", message="for bob again")
        assert asyncio.get_running_loop().time() - began < 2.0, "the promise of control"
        monkeypatch.undo()
        publish(acme, "for all")
        await hers.hears(on="notice", message="for all")
        assert heard(hers) == ["for all"]


async def test_a_withdrawn_notice_is_nowhere_any_more(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    row = publish(acme, "a mistake")
    publish(acme, "what stays")
    acme.inside(lambda: publishing.withdraw(acme.owner.actor, row.pk))
    for path in ("/ws/", "/ws/notification/", "/ws/notification/?since=0"):
        async with opened(server, acme, path, by=bob) as later:
            await later.hears(on="notice", message="what stays")
            assert "a mistake" not in json.dumps(later.heard)
    with as_(server, acme, bob) as http, as_(server, acme, acme.owner) as alice:
        for client in (http, alice):
            assert "a mistake" not in client.get("/api/v1/notices").text
        (kept,) = [each for each in alice.get("/api/v1/notices/managed").json()["notices"] if each["id"] == row.pk]
        assert (kept["state"], kept["message"]) == ("withdrawn", "a mistake")


async def test_a_notice_for_more_people_than_fit_through_the_layer_reaches_them_all(server: Running, acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    ids = crowd(acme, 1_500)
    async with opened(server, acme, by=bob) as his, opened(server, acme, by=carol) as hers:
        for client in (his, hers):
            await client.hears(on="receipts")
        publish(acme, "for very many", audience="people", of=(*ids, bob.actor.user_id))
        await his.hears(on="notice", message="for very many")
        publish(acme, "for all")
        await hers.hears(on="notice", message="for all")
        assert heard(hers) == ["for all"]


def test_who_is_in_a_role_a_room_or_online_is_looked_up_once(acme: Org, globex: Org) -> None:
    bob, gus = acme.add("bob"), acme.add("gus", Role.GUEST)
    acme.inside(lambda: rooms.open(bob.actor, "Plans", "plans"))

    def targets(row: Notice) -> set[int]:
        return acme.inside(lambda: set(Receipt.objects.filter(notice=row).values_list("user_id", flat=True)))

    assert targets(publish(acme, "x", audience="roles", of=("guest",))) == {gus.actor.user_id}
    assert targets(publish(acme, "x", audience="rooms", of=("plans",))) == {bob.actor.user_id}
    asked = publish(acme, "x", needs_ack=True)
    assert targets(publish(acme, "x", audience="missing", of=(asked.pk,))) == targets(asked)
    with pytest.raises(Problem) as nobody:
        publish(acme, "x", audience="online")
    assert (nobody.value.status, nobody.value.code) == (422, "nobody")


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"audience": "roles"}, "of"),
        ({"audience": "roles", "of": ["king"]}, "of"),
        ({"audience": "rooms", "of": ["nowhere"]}, "of"),
        ({"audience": "people", "of": [10**12]}, "of"),
        ({"audience": "people", "of": ["x"]}, "of"),
        ({"audience": "missing", "of": [1, 2]}, "of"),
        ({"audience": "the moon"}, "audience"),
        ({"publish_at": "2020-01-01T10:00"}, "publish_at"),
        ({"publish_at": "0001-01-01T00:00:00Z"}, "publish_at"),
        ({"publish_at": "9999-12-31T23:59"}, "publish_at"),
        ({"expires_at": "2020-01-01T10:00"}, "expires_at"),
        ({"repeats": "daily"}, "publish_at"),
        ({"repeats": "sometimes"}, "repeats"),
        ({"remind_every": 1}, "remind_every"),
        ({"remind_most": 1000}, "remind_most"),
        ({"mail_after": -1}, "mail_after"),
        ({"supersedes": 10**15}, "supersedes"),
    ],
)
def test_what_makes_no_sense_is_answered_with_the_field(
    server: Running, acme: Org, more: dict[str, Any], field: str
) -> None:
    with as_(server, acme, acme.owner) as http:
        answer = http.post("/api/v1/notices", json={"message": "x"} | more)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
        assert list(answer.json()["fields"]) == [field]
        assert http.get("/api/v1/notices").json()["notices"] == []


def test_a_private_room_is_no_audience_for_its_members_would_be_listed(acme: Org) -> None:
    private = acme.inside(lambda: rooms.open(acme.owner.actor, "Board", private=True)).room
    with pytest.raises(ValidationError):
        publish(acme, "x", audience="rooms", of=(private,))


def test_words_are_rendered_and_sanitised_and_the_preview_tells_for_how_many(server: Running, acme: Org) -> None:
    acme.add("bob")
    with as_(server, acme, acme.owner) as http:
        body = {"message": "**Now** <script>alert(1)</script> <https://example.com>"}
        told = http.post("/api/v1/notices/preview", json=body).json()
        assert told["people"] == 2
        assert "<strong>Now</strong>" in told["html"]
        assert "<script" not in told["html"]
        assert http.post("/api/v1/notices", json=body).json()["html"] == told["html"]
        huge = http.post("/api/v1/notices", json={"message": "x" * 20_000})
        assert (huge.status_code, huge.json()["code"]) == (422, "too_long")


# Publishing in steps.


def crowd(org: Org, count: int) -> list[int]:
    """Many people, made by one statement: they have no password and no address that anybody verified."""

    def fill() -> list[int]:
        people = [User(email=f"p{number}@crowd.example", name=f"P{number}") for number in range(count)]
        return [user.pk for user in User.objects.bulk_create(people)]

    return org.inside(fill)


@pytest.mark.parametrize("killed_after", [0, 1, 2, 3])
def test_a_publication_that_was_killed_goes_on_where_it_was_and_repeats_nothing(
    acme: Org, monkeypatch: pytest.MonkeyPatch, killed_after: int
) -> None:
    deferred: list[dict[str, Any]] = []
    monkeypatch.setattr(jobs, "later", lambda key, task, at=None, **what: deferred.append(what))
    monkeypatch.setattr(publishing, "STEP", 10)
    monkeypatch.setattr(publishing, "AT_ONCE", 0)
    crowd(acme, 29)
    row = publish(acme, "for all", needs_ack=True)
    assert (row.state, row.seq) == ("publishing", None)
    assert acme.inside(notices.head) == 0
    acme.add("newcomer")  # after it has begun: not of the snapshot

    def step() -> bool:
        return publishing.step(acme.space, row.pk)

    def killed() -> None:
        with transaction.atomic():
            step()
            transaction.set_rollback(True)

    for _step in range(killed_after):
        acme.inside(step)
    acme.inside(killed)
    for _again in range(2):
        while not acme.inside(step):
            pass

    def found() -> tuple[str, int | None, int, int]:
        now = Notice.objects.get(pk=row.pk)
        return now.state, now.seq, now.targeted, Receipt.objects.filter(notice=row).count()

    assert acme.inside(found) == ("live", 1, 30, 30)


def test_a_notice_takes_the_place_of_another(acme: Org) -> None:
    old = publish(acme, "at noon")
    new = publish(acme, "at one", supersedes=old.pk)
    acme.inside(old.refresh_from_db)
    assert (old.state, old.changed_seq, new.seq) == ("expired", 2, 3)
    told = acme.inside(lambda: notices.latest(acme.space, acme.owner.actor.user_id)).notices
    assert [notice.message for notice in told] == ["at one"]


def test_what_was_made_of_one_origin_is_made_once(acme: Org) -> None:
    def announce() -> Notice:
        return publishing.publish(acme.owner.actor, Draft(message="maintenance"), origin="op-1")

    assert acme.inside(announce).pk == acme.inside(announce).pk
    assert acme.inside(Notice.objects.count) == 1
