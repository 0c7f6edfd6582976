"""What a person is told of the notices when a socket opens: one statement for all who come at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from realtime import protocol
from realtime.notices import told
from realtime.notices.models import Notice
from realtime.notices.notices import SHOWN, Page, head
from tenants.actor import Actor

# Of the notices that are not over, those that each may read (audience.visible), and what they have done with them.
_GREET = """
SELECT who.id, shown.seq, shown.seen, shown.acknowledged, shown.unread
FROM unnest(%(people)s::bigint[]) AS who(id)
CROSS JOIN LATERAL (
    SELECT n.seq, r.seen_at IS NOT NULL AS seen, r.acknowledged_at IS NOT NULL AS acknowledged,
        count(*) FILTER (WHERE r.seen_at IS NULL) OVER () AS unread
    FROM notices_notice n LEFT JOIN notices_receipt r ON r.notice_id = n.id AND r.user_id = who.id
    WHERE n.state = 'live' AND (n.expires_at IS NULL OR n.expires_at > now()) AND n.changed_seq <= %(through)s
        AND (n.audience = 'everybody' OR r.id IS NOT NULL)
    ORDER BY n.seq DESC LIMIT %(shown)s
) shown
"""


@dataclass(slots=True)
class Greeting:
    page: Page = field(default_factory=lambda: Page([], 0))
    received: protocol.Received = field(default_factory=lambda: protocol.Received(seen=[], acknowledged=[], unread=0))


def greet(people: Sequence[Actor]) -> dict[int, Greeting]:
    """By person: the newest notices for them, in ascending order, and what they have done with these."""
    through = head()
    found: defaultdict[int, list[tuple[int, bool, bool, int]]] = defaultdict(list)
    values: dict[str, Any] = {"people": [each.user_id for each in people], "through": through, "shown": SHOWN}
    if through:
        with connection.cursor() as cursor:
            cursor.execute(_GREET, values)
            for user_id, *row in cursor:
                found[user_id].append(tuple(row))
    wanted = {seq for rows in found.values() for seq, *_ in rows}
    known = Notice.objects.filter(seq__in=wanted).select_related("author") if wanted else ()
    events = {row.seq: told.event(row, people[0].organization) for row in known}
    return {person.user_id: _greeting(found[person.user_id], events, through) for person in people}


def _greeting(
    rows: list[tuple[int, bool, bool, int]], events: dict[int | None, protocol.Notice], through: int
) -> Greeting:
    page = Page([events[seq] for seq, *_ in reversed(rows) if seq in events], through)
    received = protocol.Received(
        seen=sorted(seq for seq, seen, _, _ in rows if seen),
        acknowledged=sorted(seq for seq, _, acknowledged, _ in rows if acknowledged),
        unread=rows[0][3] if rows else 0,
    )
    return Greeting(page, received)
