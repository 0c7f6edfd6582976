"""Receipts: delivered, seen, acknowledged. One statement per batch, however many people and notices are in it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from realtime import events, groups, protocol
from realtime.notices.notices import UNDONE_WITHIN
from realtime.protocol import Receipts, Received
from tenants.actor import Actor
from tenants.directory import Space
from tenants.roles import verb

# What somebody has done already stays as it was, so a batch that comes twice does no harm. Rows are taken in one order,
# so two batches never wait for each other in a circle. A notice that is not for somebody takes no receipt of theirs.
_WRITE = """
WITH told AS (
    SELECT user_id, seq, bool_or(seen OR acknowledged) AS seen, bool_or(acknowledged) AS acknowledged,
        max(since) AS since
    FROM unnest(%(users)s::bigint[], %(seqs)s::bigint[], %(seen)s::bool[], %(acknowledged)s::bool[],
        %(since)s::timestamptz[]) AS t (user_id, seq, seen, acknowledged, since)
    GROUP BY user_id, seq
), wanted AS (
    SELECT notice.id, told.user_id, seen, acknowledged AND needs_ack AS acknowledged,
        coalesce(since > notice.at, false) AS late
    FROM told JOIN notices_notice notice USING (seq) JOIN people_user person ON person.id = told.user_id
    WHERE notice.state IN ('live', 'expired') AND (notice.audience = 'everybody' OR EXISTS (
        SELECT FROM notices_receipt known WHERE known.notice_id = notice.id AND known.user_id = told.user_id))
    ORDER BY notice.id, told.user_id
), written AS (
    INSERT INTO notices_receipt AS receipt (notice_id, user_id, targeted, late, delivered_at, seen_at, acknowledged_at)
    SELECT id, user_id, false, late, now(), CASE WHEN seen THEN now() END, CASE WHEN acknowledged THEN now() END
    FROM wanted
    ON CONFLICT (notice_id, user_id) DO UPDATE SET
        late = CASE WHEN receipt.delivered_at IS NULL THEN excluded.late ELSE receipt.late END,
        delivered_at = coalesce(receipt.delivered_at, excluded.delivered_at),
        seen_at = coalesce(receipt.seen_at, excluded.seen_at),
        acknowledged_at = coalesce(receipt.acknowledged_at, excluded.acknowledged_at)
    WHERE receipt.delivered_at IS NULL OR (receipt.seen_at IS NULL AND excluded.seen_at IS NOT NULL)
        OR (receipt.acknowledged_at IS NULL AND excluded.acknowledged_at IS NOT NULL)
    RETURNING notice_id, user_id, seen_at = now() AS seen, acknowledged_at = now() AS acknowledged)
SELECT notice.seq, user_id, coalesce(seen, false), coalesce(acknowledged, false)
FROM written JOIN notices_notice notice ON notice.id = notice_id
"""

_UNDO = """
UPDATE notices_receipt receipt SET acknowledged_at = NULL FROM notices_notice notice
WHERE notice.id = notice_id AND user_id = %(user)s AND seq = ANY(%(seqs)s)
    AND acknowledged_at > now() - make_interval(secs => %(within)s)
RETURNING seq
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """What one page tells. `since`: how long its socket has been open; what is older has come late."""

    user_id: int
    told: Receipts
    since: datetime | None = None


@verb("notices.mark")
def mark(actor: Actor, told: Receipts) -> None:
    """What has become of notices with this person. Refused: not_found, what can no longer be taken back."""
    write(actor.organization, [Mark(actor.user_id, told)])
    if told.unacknowledged:
        _undo(actor, told.unacknowledged)


def write(space: Space, marks: Iterable[Mark]) -> None:
    """What the pages of many people tell, written at once. Their other pages hear what is done with."""
    rows = [
        (mark.user_id, seq, kind == "seen", kind == "acknowledged", mark.since or _ALWAYS)
        for mark in marks
        for kind in ("delivered", "seen", "acknowledged")
        for seq in getattr(mark.told, kind)
    ]
    if not rows:
        return
    columns = zip(("users", "seqs", "seen", "acknowledged", "since"), zip(*rows, strict=True), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {name: list(values) for name, values in columns})
        found = cursor.fetchall()
    _tell(space, found)


_ALWAYS = datetime(2000, 1, 1, tzinfo=timezone.get_default_timezone())


def _tell(space: Space, found: Sequence[tuple[int, int, bool, bool]]) -> None:
    """One event for all who have done the same, not one for each."""
    same: defaultdict[tuple[int, bool], list[int]] = defaultdict(list)
    for seq, user_id, seen, acknowledged in found:
        if seen or acknowledged:
            same[seq, acknowledged].append(user_id)
    for (seq, acknowledged), people in same.items():
        event = Received(seen=[seq], acknowledged=[seq] if acknowledged else None)
        events.tell(event, to=groups.notices(space.key), only=people)


def _undo(actor: Actor, seqs: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_UNDO, {"user": actor.user_id, "seqs": seqs, "within": UNDONE_WITHIN.total_seconds()})
        undone = sorted(seq for (seq,) in cursor.fetchall())
    if undone:
        event = Received(unacknowledged=undone)
        events.tell(event, to=groups.notices(actor.organization.key), only=[actor.user_id])
    if set(seqs) - set(undone):
        raise protocol.Refused("not_found", "It was not acknowledged, or longer than five minutes ago.")
