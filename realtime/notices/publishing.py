"""Admins speak: drafts, publishing now or later, withdrawing. What is told is read again by notices.py.

A notice is published in steps, each a transaction of its own: some people more have a receipt, and when all have, it
takes a number and is told. The first step is taken at once; if it is not the last one, a job takes the others. Wherever
it is killed, the rest is done by whoever comes next, and nothing twice: how far it has come is in the notice's own row.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from realtime import events, groups
from realtime.notices import audience, clock, drafts, notices, told
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice, Receipt
from tenants import control, jobs
from tenants.actor import Actor
from tenants.directory import Space
from tenants.people import audit
from tenants.problems import Problem
from tenants.roles import verb

STEP = 1_000  # people who are put down in one transaction
AT_ONCE = 3_000  # so many are put down before the one who publishes has an answer

# The stream's only row is made by the first notice.
_NEXT = """
INSERT INTO notices_stream (id, seq) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET seq = notices_stream.seq + 1 RETURNING seq
"""

State = Notice.State
KEPT = (State.TEMPLATE, State.DRAFT)
UNPUBLISHED = (*KEPT, State.SCHEDULED)


# Verbs.


@verb("notices.publish")
@transaction.atomic
def publish(actor: Actor, draft: Draft, *, keep: Notice.State | None = None, origin: str | None = None) -> Notice:
    """Tell the audience, now and when they next come; with a `publish_at` ahead, then. `keep`: only keep it, as a
    draft, or as a template that others are made of (`duplicate`). What was made of this `origin` before is the answer.

    Raises what drafts.good does, and 422 `nobody`.
    """
    if origin and (before := Notice.objects.select_related("author").filter(origin=origin).first()):
        return before
    row = Notice(author_id=actor.user_id or None, origin=origin, **drafts.good(actor, draft))
    _release(actor, row, keep=keep)
    audit.note(actor, "notices.publish", _named(row), level=row.level, audience=row.audience, state=row.state)
    return row


@verb("notices.change")
@transaction.atomic
def change(actor: Actor, notice_id: int, draft: Draft, *, keep: Notice.State | None = None) -> Notice:
    """The same with what is a draft, or is scheduled: all of it is as `draft` says, and it is published, scheduled or
    kept. A template stays one. 409 `too_late` once it is published."""
    row = _held(notice_id, UNPUBLISHED)
    keep = State.TEMPLATE if row.state == State.TEMPLATE else keep
    for column, value in drafts.good(actor, draft).items():
        setattr(row, column, value)
    _release(actor, row, keep=keep)
    audit.note(actor, "notices.change", _named(row), level=row.level, audience=row.audience, state=row.state)
    return row


@verb("notices.discard")
@transaction.atomic
def discard(actor: Actor, notice_id: int) -> None:
    """Throw away what has not been published; what is scheduled and repeats is not repeated any more."""
    row = _held(notice_id, UNPUBLISHED)
    audit.note(actor, "notices.discard", _named(row))
    row.delete()


@verb("notices.withdraw")
@transaction.atomic
def withdraw(actor: Actor, notice_id: int) -> Notice:
    """Take it back: it is gone from every page within two seconds. What is known of who has heard it stays."""
    row = _held(notice_id, (State.LIVE, State.EXPIRED))
    end(actor.organization, row, State.WITHDRAWN)
    audit.note(actor, "notices.withdraw", _named(row))
    return row


@verb("notices.resend")
@transaction.atomic
def resend(actor: Actor, notice_id: int) -> int:
    """Remind those who are missing, now. Returns how many they are."""
    row = _held(notice_id, (State.LIVE,))
    count = remind(actor.organization, row)
    audit.note(actor, "notices.resend", _named(row), count=count)
    return count


@verb("notices.duplicate")
@transaction.atomic
def duplicate(actor: Actor, notice_id: int) -> Notice:
    """A draft with the same words for the same people, without its times."""
    row = _copied(_held(notice_id, tuple(State)))
    row.author_id, row.state = actor.user_id or None, State.DRAFT
    _forget_times(row)
    row.save()
    audit.note(actor, "notices.duplicate", _named(row))
    return _held(row.pk, tuple(State))


@verb("notices.preview")
def preview(actor: Actor, draft: Draft) -> tuple[str | None, int]:
    """How the words will look (None: as they are written), and how many people it would be for right now."""
    good = drafts.good(actor, draft)
    return good["html"], audience.people(actor.organization, draft.audience, good["of"]).count()


# The steps.


@jobs.for_tenants
def proceed(space: Space, notice_id: int) -> None:
    """Take what steps of a publication are left. Does nothing to one that is finished, or was."""
    while not step(space, notice_id):
        pass


@transaction.atomic
def step(space: Space, notice_id: int) -> bool:
    """One step; True if there is nothing left to do. Two at once take turns at the notice's row."""
    row = Notice.objects.select_for_update(of=("self",)).select_related("author").filter(pk=notice_id).first()
    if row is None or row.state != State.PUBLISHING:
        return True
    meant = audience.people(space, row.audience, row.of).filter(created_at__lte=row.began_at, pk__gt=row.reached)
    ids = list(meant.values_list("pk", flat=True)[:STEP])
    Receipt.objects.bulk_create([Receipt(notice=row, user_id=user_id) for user_id in ids], ignore_conflicts=True)
    if len(ids) == STEP:
        Notice.objects.filter(pk=row.pk).update(reached=ids[-1], targeted=F("targeted") + len(ids))
        return False
    row.targeted += len(ids)
    _go_live(space, row)
    return True


def begin(space: Space, row: Notice) -> None:
    """From now on it is being published; as many steps as are quick are taken here."""
    row.state, row.began_at = State.PUBLISHING, timezone.now()
    if row.audience == Notice.Audience.ONLINE:
        row.of = [*audience.online(space)]  # whoever takes the next step finds the same people
    row.save()
    for _step in range(AT_ONCE // STEP):
        if step(space, row.pk):
            return row.refresh_from_db()
    jobs.later(space.key, proceed, notice_id=row.pk)
    row.refresh_from_db()


def _go_live(space: Space, row: Notice) -> None:
    row.state, now = State.LIVE, timezone.now()
    if row.remind_every and row.remind_most:
        row.remind_at = now + timedelta(minutes=row.remind_every)
    if row.mail_after is not None:
        row.mail_at = now + timedelta(minutes=row.mail_after)
    if row.supersedes_id is not None:
        old = Notice.objects.select_for_update().filter(pk=row.supersedes_id, state=State.LIVE).first()
        if old is not None:
            end(space, old, State.EXPIRED)
    row.seq = number()
    row.at = Now()  # an expression until it is stored: nobody's clock but the database's
    _tell(space, row, row.seq)
    look_again(space, row)


def end(space: Space, row: Notice, state: Notice.State) -> None:
    row.state, row.ended_at, row.remind_at, row.mail_at = state, timezone.now(), None, None
    _tell(space, row, number())


def remind(space: Space, row: Notice) -> int:
    """Those who are missing are told it anew."""
    count = notices.missing(row).count()
    row.reminded += 1
    if count:
        _tell(space, row, number())
    else:
        row.save()
    return count


def _tell(space: Space, row: Notice, changed_seq: int) -> None:
    """It has changed: kept under this number, and told. Control tells the number too, for whoever the layer loses."""
    row.changed_seq = changed_seq
    row.save()
    row.refresh_from_db(fields=["at"])
    to = groups.notices(space.key)
    events.publish(told.event(row, space), to=to, number=changed_seq, only=notices.hearers(row))
    control.append(space.key, control.NOTICES, str(changed_seq))


def number() -> int:
    """The stream's next; whoever else wants one waits until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        return int(cursor.fetchone()[0])


# Later.


@jobs.for_tenants
def tend(space: Space, notice_id: int) -> None:
    """What is due of this notice by the clock. Comes at every time that look_again() names; often for nothing."""
    from realtime.notices import mailing

    with transaction.atomic():
        row = Notice.objects.select_for_update(of=("self",)).select_related("author").filter(pk=notice_id).first()
        if row is None:
            return
        now = clock.now()
        if row.state == State.SCHEDULED and _is_due(row.publish_at, now):
            _repeat(space, row)
            begin(space, row)
        elif row.state == State.LIVE and _is_due(row.expires_at, now):
            row.state, row.ended_at, row.remind_at, row.mail_at = State.EXPIRED, now, None, None
            row.save()  # pages know the time, and have put it away by themselves
        elif row.state == State.LIVE and _is_due(row.remind_at, now):
            remind(space, row)
            again = row.reminded < row.remind_most
            row.remind_at = now + timedelta(minutes=row.remind_every or 0) if again and row.remind_every else None
            row.save()
            look_again(space, row)
    if row.state == State.LIVE and _is_due(row.mail_at, clock.now()):
        mailing.write(space, notice_id)


def look_again(space: Space, row: Notice) -> None:
    """Let the next thing that is to happen by the clock happen."""
    if row.state == State.SCHEDULED:
        times = [row.publish_at]
    elif row.state == State.LIVE:
        times = [row.expires_at, row.remind_at, row.mail_at]
    else:
        times = []
    for at in {at for at in times if at is not None}:
        jobs.later(space.key, tend, at=at, notice_id=row.pk)


def _repeat(space: Space, row: Notice) -> None:
    """The next one of its kind, scheduled in the transaction that publishes this one: neither lost nor made twice."""
    if not row.repeats or row.publish_at is None:
        return
    where = clock.zone()
    wished = datetime.strptime(row.wished_at, clock.WRITTEN)
    local = clock.following(row.repeats, wished, max(row.publish_at, timezone.now()), where)
    another = _copied(row)
    another.state, another.author_id = State.SCHEDULED, row.author_id
    another.wished_at, another.publish_at = row.wished_at, clock.moment(local, where)
    another.expires_at = row.expires_at and another.publish_at + (row.expires_at - row.publish_at)
    another.save()
    look_again(space, another)


def _copied(row: Notice) -> Notice:
    kept = ("title", "body", "html", "level", "audience", "of", "needs_ack", "dismissible", "publish_at", "expires_at")
    more = ("repeats", "wished_at", "remind_every", "remind_most", "mail_after")
    return Notice(**{name: getattr(row, name) for name in (*kept, *more)})


def _is_due(at: datetime | None, now: datetime) -> bool:
    return at is not None and at <= now


# What verbs share.


def _release(actor: Actor, row: Notice, *, keep: Notice.State | None) -> None:
    space, row.state = actor.organization, keep or State.DRAFT
    if keep == State.TEMPLATE:
        _forget_times(row)
    if keep:
        row.save()
    elif row.publish_at is not None and row.publish_at > timezone.now():
        row.state = State.SCHEDULED
        row.save()
        look_again(space, row)
    elif not audience.people(space, row.audience, row.of).exists():
        raise Problem(422, "nobody", _("Nobody is in this audience; choose another one."))
    else:
        _repeat(space, row)
        begin(space, row)


def _held(notice_id: int, states: tuple[Notice.State, ...]) -> Notice:
    """The notice, locked until the transaction ends."""
    known = Notice.objects.select_for_update(of=("self",)).select_related("author")
    row = known.filter(pk=notice_id).first() if 0 < notice_id < 2**63 else None
    if row is None:
        raise Problem(404, "not_found", _("There is no such notice."))
    if row.state not in states:
        sentence = _("That is not possible any more: it is %(state)s.") % {"state": row.get_state_display().lower()}
        raise Problem(409, "too_late", sentence)
    return row


def _forget_times(row: Notice) -> None:
    row.publish_at = row.expires_at = None
    row.repeats = row.wished_at = ""


def _named(row: Notice) -> str:
    return row.title or row.body[:80]
