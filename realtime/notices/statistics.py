"""What admins learn of a notice: counts, how long it took, who is missing. Counted anew each time, so it is exact."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from realtime.notices import notices, told
from realtime.notices.models import Notice, Receipt
from realtime.notices.told import Counts, Managed
from tenants.actor import Actor
from tenants.people.models import User
from tenants.problems import Problem
from tenants.roles import may, verb

STEPS = 40  # points of the course over time
KINDS = ("delivered", "seen", "acknowledged")

State = Notice.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """Seconds from publication, over those targeted of whom it is known: the median, and what 99 of 100 were within."""

    median: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How many of those targeted had been reached `seconds` after publication: each list has a number for each."""

    seconds: list[float]
    delivered: list[int]
    seen: list[int]
    acknowledged: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    notice: Managed
    missing: int
    mailed: int
    delivered_after: Took
    seen_after: Took
    acknowledged_after: Took
    course: Course


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One person and one notice."""

    user_id: int
    user: str
    email: str
    role: str
    targeted: bool
    late: bool
    delivered_at: datetime | None
    seen_at: datetime | None
    acknowledged_at: datetime | None
    mailed_at: datetime | None


@verb("notices.managed")
def managed(actor: Actor, *, states: Collection[str] = (), before: int | None = None, limit: int = 50) -> list[Managed]:
    """All notices, whatever has become of them, or those in these states; the newest first, older than `before`."""
    rows = Notice.objects.select_related("author").order_by("-pk")
    if states:
        rows = rows.filter(state__in=states)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows[:limit])
    counted = counts([row.pk for row in found])
    return [told.managed(row, counted.get(row.pk, Counts())) for row in found]


@verb("notices.statistics")
def statistics(actor: Actor, notice_id: int) -> Statistics:
    """How far one notice has come."""
    row = _one(notice_id)
    took, course = _took(row), _course(row)
    return Statistics(
        notice=told.managed(row, counts([row.pk]).get(row.pk, Counts())),
        missing=notices.missing(row).count() if row.seq else 0,
        mailed=row.receipts.filter(mailed_at__isnull=False).count(),
        delivered_after=took[0],
        seen_after=took[1],
        acknowledged_after=took[2],
        course=course,
    )


@verb("notices.missing")
def missing(actor: Actor, notice_id: int, *, after: int | None = None, limit: int = 100) -> list[Line]:
    """Those it was for who have not acknowledged it (or, if nobody was asked to, have not seen it), by id."""
    return _lines(notices.missing(_one(notice_id)), after, limit)


@verb("notices.export")
def export(actor: Actor, notice_id: int, *, after: int | None = None, limit: int | None = None) -> list[Line]:
    """Everybody it was for, and whoever it has reached since, by id."""
    return _lines(_one(notice_id).receipts.all(), after, limit)


def _lines(receipts: QuerySet[Receipt], after: int | None, limit: int | None) -> list[Line]:
    found = receipts.select_related("user").order_by("user_id")
    if after is not None:
        found = found.filter(user_id__gt=after)
    return [_line(receipt) for receipt in found[:limit]]


_COUNTS = """
SELECT notice_id, count(*) FILTER (WHERE targeted), count(delivered_at) FILTER (WHERE targeted),
    count(*) FILTER (WHERE targeted AND late), count(seen_at) FILTER (WHERE targeted),
    count(acknowledged_at) FILTER (WHERE targeted), count(*) FILTER (WHERE NOT targeted)
FROM notices_receipt WHERE notice_id = ANY(%s) GROUP BY notice_id
"""


def counts(ids: Sequence[int]) -> dict[int, Counts]:
    """Of several notices, in one statement."""
    names = ("targeted", "delivered", "late", "seen", "acknowledged", "joined_later")
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(ids)])
        return {row[0]: Counts(**dict(zip(names, row[1:], strict=True))) for row in cursor.fetchall()}


def known(actor: Actor, seqs: Sequence[int]) -> dict[int, dict[str, object]]:
    """What whoever may publish is told beside each of these notices; nobody else is told anything."""
    if not may(actor, "notices.publish"):
        return {}
    rows = list(Notice.objects.filter(seq__in=seqs))
    counted = counts([row.pk for row in rows])
    return {
        row.seq or 0: {"id": row.pk, "audience": row.audience} | asdict(counted.get(row.pk, Counts())) for row in rows
    }


def _one(notice_id: int) -> Notice:
    known = Notice.objects.select_related("author").filter(pk=notice_id) if 0 < notice_id < 2**63 else None
    if known is None or (row := known.first()) is None:
        raise Problem(404, "not_found", "There is no such notice.")
    return row


_AFTER = """
SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM {0}_at - %(at)s::timestamptz))
FROM notices_receipt WHERE notice_id = %(id)s AND targeted AND {0}_at IS NOT NULL
"""


def _took(row: Notice) -> list[Took]:
    parts = " UNION ALL ".join(f"({_AFTER.format(kind)})" for kind in KINDS)
    with connection.cursor() as cursor:
        cursor.execute(parts, {"id": row.pk, "at": row.at})
        found = [pair for (pair,) in cursor.fetchall()]
    return [Took(median=round(pair[0], 3), p99=round(pair[1], 3)) if pair else Took() for pair in found]


# In which of the steps each receipt came; the span is as long as the last one took.
_COURSE = """
WITH came AS (
    SELECT kind, extract(epoch FROM at - %(at)s::timestamptz) AS after
    FROM notices_receipt, LATERAL (VALUES ('delivered', delivered_at), ('seen', seen_at),
        ('acknowledged', acknowledged_at)) AS each (kind, at)
    WHERE notice_id = %(id)s AND targeted AND at IS NOT NULL
), span AS (SELECT greatest(max(after), 1) AS long FROM came)
SELECT kind, greatest(ceil(after / long * %(steps)s), 0)::int AS step, count(*), max(long) FROM came, span GROUP BY 1, 2
"""


def _course(row: Notice) -> Course:
    with connection.cursor() as cursor:
        cursor.execute(_COURSE, {"id": row.pk, "at": row.at, "steps": STEPS})
        found = cursor.fetchall()
    span = float(found[0][3]) if found else 1.0
    many = {kind: [0] * (STEPS + 1) for kind in KINDS}
    for kind, step, count, _span in found:
        many[kind][step] = count
    return Course(
        seconds=[round(span * step / STEPS, 3) for step in range(STEPS + 1)],
        delivered=list(_summed(many["delivered"])),
        seen=list(_summed(many["seen"])),
        acknowledged=list(_summed(many["acknowledged"])),
    )


def _summed(many: list[int]) -> Iterator[int]:
    total = 0
    for each in many:
        total += each
        yield total


def _line(receipt: Receipt) -> Line:
    user = receipt.user
    assert isinstance(user, User)
    return Line(
        user_id=user.pk,
        user=user.name,
        email=user.email,
        role=user.role,
        targeted=receipt.targeted,
        late=receipt.late,
        delivered_at=receipt.delivered_at,
        seen_at=receipt.seen_at,
        acknowledged_at=receipt.acknowledged_at,
        mailed_at=receipt.mailed_at,
    )
