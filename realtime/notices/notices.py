"""Reading what was told: by people, each of whom sees what is for them, and by the hub, which needs to know for whom it
is. Publishing it is publishing.py."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from realtime import protocol
from realtime.notices import audience, told
from realtime.notices.models import Notice, Receipt
from tenants import abreast
from tenants.actor import Actor
from tenants.directory import Space
from tenants.roles import may, verb

UNDONE_WITHIN = timedelta(minutes=5)  # an acknowledgement can be taken back
SHOWN = 20  # notices shown to somebody who connects

State = Notice.State
NEITHER_OVER = Q(state=State.LIVE) & (Q(expires_at=None) | Q(expires_at__gt=Now()))


@dataclass(frozen=True, slots=True)
class Page:
    notices: list[protocol.Notice]
    through: int


@verb("notices.listed")
def listed(actor: Actor, *, before: int | None = None, limit: int = SHOWN) -> Page:
    """The newest notices, or the newest before number `before`; the oldest of them first. Those for this person, also
    when they have expired; admins see everybody's. What was withdrawn is gone."""
    through = head()
    known = Notice.objects.filter(state__in=(State.LIVE, State.EXPIRED))
    if not may(actor, "notices.publish"):
        known = known.filter(audience.visible(actor.user_id))
    known = known.filter(seq__lte=through if before is None else min(through, before - 1))
    return _page(known.order_by("-seq")[:limit], actor.organization, through, backwards=True)


def latest(space: Space, user_id: int, count: int = SHOWN) -> Page:
    """What this person is told who connects: the newest that are not over, and the stream's number by then."""
    through = head()
    known = Notice.objects.filter(NEITHER_OVER, audience.visible(user_id), changed_seq__lte=through)
    return _page(known.order_by("-seq")[:count], space, through, backwards=True)


@dataclass(frozen=True, slots=True)
class Mine:
    """A notice, and what one person has done with it."""

    event: protocol.Notice
    is_over: bool
    is_seen: bool
    acknowledged_at: datetime | None
    may_undo: bool


def mine(space: Space, user_id: int, *, before: int | None = None, limit: int = SHOWN) -> list[Mine]:
    """What was told to this person, the newest first; also when it has expired."""
    known = Notice.objects.filter(audience.visible(user_id), state__in=(State.LIVE, State.EXPIRED))
    if before is not None:
        known = known.filter(seq__lt=before)
    rows = list(known.select_related("author").order_by("-seq")[:limit])
    done = {each.notice_id: each for each in Receipt.objects.filter(user_id=user_id, notice__in=rows)}
    return [_mine(row, space, done.get(row.pk)) for row in rows]


def _mine(row: Notice, space: Space, receipt: Receipt | None) -> Mine:
    now, acknowledged_at = timezone.now(), receipt.acknowledged_at if receipt else None
    return Mine(
        event=told.event(row, space),
        is_over=row.state == State.EXPIRED or (row.expires_at is not None and row.expires_at <= now),
        is_seen=receipt is not None and receipt.seen_at is not None,
        acknowledged_at=acknowledged_at,
        may_undo=acknowledged_at is not None and acknowledged_at > now - UNDONE_WITHIN,
    )


def since(space: Space, user_id: int, number: int) -> Page:
    """Every change of the stream after `number` that is for this person. A reminder is for those who are missing."""
    through = head()
    known = Notice.objects.filter(audience.visible(user_id), changed_seq__gt=number, changed_seq__lte=through)
    done = Receipt.objects.filter(_HEARD, user_id=user_id).values("notice")
    known = known.exclude(Q(state=State.LIVE, seq__lte=number, pk__in=done))
    return _page(known.order_by("changed_seq"), space, through)


def _page(rows: QuerySet[Notice], space: Space, through: int, *, backwards: bool = False) -> Page:
    found = [told.event(row, space) for row in rows.select_related("author")]
    return Page(found[::-1] if backwards else found, through)


# For the hub.


def missed(space: Space, number: int) -> tuple[list[tuple[protocol.Notice, Collection[int] | None]], int]:
    """Every change after `number` and whom it is for (None: everybody); and up to where that is all."""
    through = head()
    rows = Notice.objects.filter(changed_seq__gt=number, changed_seq__lte=through)
    found = rows.select_related("author").order_by("changed_seq")
    return [(told.event(row, space), hearers(row)) for row in found], through


def hearers(row: Notice) -> list[int] | None:
    """Whom the latest change of a notice is for. A reminder is for those who are missing."""
    if row.state == State.LIVE and row.changed_seq != row.seq:
        return sorted(missing(row).values_list("user_id", flat=True))
    if row.audience == Notice.Audience.EVERYBODY:
        return None
    return sorted(row.receipts.values_list("user_id", flat=True))


_ASKED = Q(notice__needs_ack=True)
_HEARD = Q(_ASKED, acknowledged_at__isnull=False) | Q(~_ASKED, seen_at__isnull=False)


def missing(row: Notice) -> QuerySet[Receipt]:
    """Those it was for who have not acknowledged it; or, if they were not asked to, have not seen it."""
    waiting = row.receipts.filter(targeted=True, user__is_active=True)
    return waiting.filter(acknowledged_at=None) if row.needs_ack else waiting.filter(seen_at=None)


def head() -> int:
    """The stream's number: 0 before the first notice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM notices_stream")
        return int(cursor.fetchone()[0])


_HEADS = "SELECT {key}, coalesce(max(seq), 0), {asked} FROM {schema}.notices_stream"


def heads(streams: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
    """For the audit: the number of each organisation's one stream. In the public schema."""
    return {(key, ""): seq for key, seq, _ in abreast.select(_HEADS, streams)}


def unread(user_id: int) -> int:
    """How many that are not over this person has not seen."""
    seen = Receipt.objects.filter(user_id=user_id, seen_at__isnull=False).values("notice")
    return Notice.objects.filter(NEITHER_OVER, audience.visible(user_id)).exclude(pk__in=seen).count()


def received(user_id: int, seqs: Collection[int]) -> protocol.Received:
    """What this person has done with these notices, told when their page opens."""
    rows = Receipt.objects.filter(user_id=user_id, notice__seq__in=seqs).annotate(number=F("notice__seq"))
    found = list(rows.values_list("number", "seen_at", "acknowledged_at"))
    return protocol.Received(
        seen=sorted(number for number, seen, _ in found if seen),
        acknowledged=sorted(number for number, _, acknowledged in found if acknowledged),
        unread=unread(user_id),
    )
