"""What happens to notices by the clock: the organisation's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allauth.account.models import EmailAddress

from realtime.notices import clock, mailing, notices, overdue, publishing, receipts
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice, Receipt
from realtime.protocol import Receipts
from tenants import jobs
from tenants.people import settings
from tests.cast import Org
from tests.realtime.test_notices import crowd, publish

BERLIN = ZoneInfo("Europe/Berlin")
Deferred = list[tuple[str, dict[str, Any], datetime | None]]


@pytest.fixture
def deferred(monkeypatch: pytest.MonkeyPatch) -> Deferred:
    """Jobs that would be done later, in this test by hand: no worker is to be faster."""
    found: Deferred = []
    monkeypatch.setattr(jobs, "later", lambda key, task, at=None, **what: found.append((task.name, what, at)))
    return found


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)


def tend(org: Org, notice_id: int) -> Notice:
    def run() -> Notice:
        publishing.tend.func.__wrapped__(org.space, notice_id)
        return Notice.objects.get(pk=notice_id)

    return org.inside(run)


def test_the_hour_that_summer_time_skips_is_the_next_one_that_there_is() -> None:
    skipped, twice = datetime(2027, 3, 28, 2, 30), datetime(2026, 10, 25, 2, 30)
    assert clock.is_skipped(skipped, BERLIN)
    assert clock.moment(skipped, BERLIN).astimezone(BERLIN).replace(tzinfo=None) == datetime(2027, 3, 28, 3, 30)
    assert not clock.is_skipped(twice, BERLIN)
    assert clock.moment(twice, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "the first of two"


@pytest.mark.parametrize(
    ("repeats", "wished", "after", "following"),
    [
        ("daily", "2027-03-27T02:30", "2027-03-27T01:30Z", "2027-03-28T02:30"),
        ("daily", "2027-03-27T02:30", "2027-03-28T01:30Z", "2027-03-29T02:30"),
        ("daily", "2027-03-27T02:30", "2027-05-01T12:00Z", "2027-05-02T02:30"),
        ("weekdays", "2026-11-27T09:00", "2026-11-27T08:00Z", "2026-11-30T09:00"),
        ("weekly", "2026-11-30T09:00", "2026-11-30T08:00Z", "2026-12-07T09:00"),
        ("monthly", "2027-01-31T09:00", "2027-01-31T08:00Z", "2027-02-28T09:00"),
        ("monthly", "2027-01-31T09:00", "2027-02-28T08:00Z", "2027-03-31T09:00"),
    ],
)
def test_what_repeats_keeps_its_time_of_day(repeats: str, wished: str, after: str, following: str) -> None:
    moment = datetime.fromisoformat(after)
    assert clock.following(repeats, datetime.fromisoformat(wished), moment, BERLIN) == datetime.fromisoformat(following)


def test_a_scheduled_notice_is_published_once_at_its_time_and_comes_round_again(
    acme: Org, deferred: Deferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.inside(lambda: settings.change(acme.owner.actor, time_zone="Europe/Berlin"))
    tomorrow = datetime.now(BERLIN).replace(hour=9, minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(days=1)
    row = publish(acme, "stand-up", publish_at=tomorrow, repeats="daily", expires_at=tomorrow + timedelta(hours=2))
    due = clock.moment(tomorrow, BERLIN)
    assert (row.state, row.publish_at, row.seq) == ("scheduled", due, None)
    assert [(name.rpartition(".")[2], when) for name, _, when in deferred] == [("tend", due)]

    assert tend(acme, row.pk).state == "scheduled", "not yet"
    at(monkeypatch, due + timedelta(seconds=1))
    for _again in range(3):
        assert tend(acme, row.pk).state == "live"

    coming = acme.inside(lambda: list(Notice.objects.filter(state="scheduled")))
    assert [each.publish_at for each in coming] == [clock.moment(tomorrow + timedelta(days=1), BERLIN)]
    assert coming[0].expires_at == clock.moment(tomorrow + timedelta(days=1, hours=2), BERLIN)
    assert acme.inside(lambda: Receipt.objects.filter(notice=row).count()) == 1


def test_reminders_come_as_often_as_was_said_and_then_no_more(
    acme: Org, deferred: Deferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = publish(acme, "sign here", needs_ack=True, remind_every=60, remind_most=2)
    assert row.remind_at is not None
    first, now = row.remind_at, row.remind_at
    for reminded, changed_seq in ((1, 2), (2, 3), (2, 3)):
        at(monkeypatch, now)
        row = tend(acme, row.pk)
        assert (row.reminded, row.changed_seq) == (reminded, changed_seq)
        now += timedelta(minutes=61)
    assert row.remind_at is None
    assert first < now


def test_a_notice_that_has_expired_is_told_to_nobody_who_comes(
    acme: Org, deferred: Deferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = publish(acme, "until noon", expires_at=datetime.now(UTC) + timedelta(minutes=1))
    assert [notice.message for notice in _told(acme)] == ["until noon"]
    at(monkeypatch, datetime.now(UTC) + timedelta(minutes=2))
    row = tend(acme, row.pk)
    assert (row.state, row.changed_seq) == ("expired", 1)
    assert _told(acme) == []
    assert [each.is_over for each in acme.inside(lambda: notices.mine(acme.space, acme.owner.actor.user_id))] == [True]


def _told(org: Org) -> list[Any]:
    return org.inside(lambda: notices.latest(org.space, org.owner.actor.user_id)).notices


def test_mail_goes_once_to_those_who_have_not_seen_it(
    acme: Org, deferred: Deferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")

    def verify() -> None:
        for member in (bob, carol):
            EmailAddress.objects.create(
                user_id=member.actor.user_id, email=member.actor.email, primary=True, verified=True
            )

    acme.inside(verify)
    crowd(acme, 5)  # whose addresses nobody has verified
    row = publish(acme, "sign *here*", title="Rules", mail_after=15)
    acme.inside(lambda: receipts.mark(carol.actor, Receipts(seen=[row.seq or 0])))
    written: list[str] = []
    monkeypatch.setattr(mailing, "write_to", lambda email, template, **context: written.append(email))
    monkeypatch.setattr(mailing, "STEP", 1)
    at(monkeypatch, datetime.now(UTC) + timedelta(minutes=16))
    for _again in range(2):
        tend(acme, row.pk)
    assert sorted(written) == sorted([acme.owner.actor.email, bob.actor.email])


def test_what_no_job_has_done_is_found_and_begun_again(acme: Org, deferred: Deferred) -> None:
    def overdue_rows() -> None:
        past = datetime.now(UTC) - timedelta(minutes=10)
        Notice.objects.create(body="x", state="scheduled", publish_at=past, author_id=acme.owner.actor.user_id)
        Notice.objects.create(body="x", state="publishing", began_at=past, author_id=acme.owner.actor.user_id)
        overdue.begin_again(acme.key)

    acme.inside(overdue_rows)
    assert sorted(name.rpartition(".")[2] for name, _, _ in deferred) == ["proceed", "tend"]


def test_a_draft_is_seen_by_nobody_until_it_is_published(acme: Org, deferred: Deferred) -> None:
    actor = acme.owner.actor
    row = acme.inside(lambda: publishing.publish(actor, Draft(message="not yet"), keep=Notice.State.DRAFT))
    assert _told(acme) == []
    copy = acme.inside(lambda: publishing.duplicate(actor, row.pk))
    acme.inside(lambda: publishing.discard(actor, copy.pk))
    acme.inside(lambda: publishing.change(actor, row.pk, Draft(message="now")))
    assert [notice.message for notice in _told(acme)] == ["now"]


def test_a_template_is_never_told_and_makes_as_many_notices_as_are_wanted(acme: Org, deferred: Deferred) -> None:
    actor, later = acme.owner.actor, datetime.now(UTC) + timedelta(days=1)
    draft = Draft(message="Drill at noon", level="urgent", publish_at=later, repeats="weekly", remind_every=60)
    template = acme.inside(lambda: publishing.publish(actor, draft, keep=Notice.State.TEMPLATE))
    assert (template.state, template.publish_at, template.repeats, template.remind_every) == ("template", None, "", 60)
    for count in (1, 2):
        made = acme.inside(lambda: publishing.duplicate(actor, template.pk))
        assert (made.state, made.body, made.level) == ("draft", "Drill at noon", "urgent")
        acme.inside(lambda made=made: publishing.change(actor, made.pk, Draft(message="Drill at noon")))
        assert [notice.message for notice in _told(acme)] == ["Drill at noon"] * count

    acme.inside(lambda: publishing.change(actor, template.pk, Draft(message="Drill at one")))

    assert [notice.message for notice in _told(acme)] == ["Drill at noon"] * 2
    again = acme.inside(lambda: publishing.duplicate(actor, template.pk))
    assert (again.state, again.body) == ("draft", "Drill at one")
    acme.inside(lambda: publishing.discard(actor, template.pk))
    assert [notice.message for notice in _told(acme)] == ["Drill at noon"] * 2
