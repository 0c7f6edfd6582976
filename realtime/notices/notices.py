"""What an organisation's admins tell everybody: publish, and reading it again by numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from billing import limits
from realtime import events, groups, protocol
from realtime.notices.models import Notice
from realtime.protocol import Refused, check_text
from tenants import abreast
from tenants.actor import Actor
from tenants.directory import Space
from tenants.people import audit
from tenants.roles import verb

MOST_TITLE = 120
SHOWN = 20  # notices shown to somebody who connects

# The stream's only row is made by the first notice.
_NEXT = """
INSERT INTO notices_stream (id, seq) VALUES (1, 1)
ON CONFLICT (id) DO UPDATE SET seq = notices_stream.seq + 1 RETURNING seq
"""


@dataclass(frozen=True, slots=True)
class Page:
    notices: list[protocol.Notice]
    through: int


@verb("notices.publish")
@transaction.atomic
def publish(actor: Actor, message: str, title: str = "", level: str = "info") -> protocol.Notice:
    """Tell everybody in the organisation, now and when they next come.

    Raises Refused: empty, bad_text, too_long, bad_command (no such level).
    """
    check_text(message, limits.body(actor.organization.key))
    if title:
        check_text(title, MOST_TITLE)
    if level not in Notice.Level.values:
        raise Refused("bad_command", f"level: must be one of {', '.join(Notice.Level.values)}.")
    with connection.cursor() as cursor:
        cursor.execute(_NEXT)
        (seq,) = cursor.fetchone()
    row = Notice.objects.create(
        seq=seq, changed_seq=seq, author_id=actor.user_id, title=title, body=message, level=level
    )
    row.refresh_from_db(fields=["at"])
    event = _event(row, actor.organization, actor.name)
    events.publish(event, to=groups.notices(actor.organization.key), number=seq)
    audit.note(actor, "notices.publish", title or message[:80], level=level)
    return event


@verb("notices.listed")
def listed(actor: Actor, *, before: int | None = None, limit: int = SHOWN) -> Page:
    """The newest notices, or the newest before number `before`; the oldest of them first."""
    return latest(actor.organization, limit, before)


def latest(space: Space, count: int = SHOWN, before: int | None = None) -> Page:
    """The newest notices in ascending order, and the stream's number as of the reading."""
    through = head()
    known = Notice.objects.filter(seq__lte=through if before is None else min(through, before - 1))
    rows = known.select_related("author").order_by("-seq")[:count]
    return Page([_event(row, space, row.author.name) for row in reversed(rows)], through)


def since(space: Space, number: int) -> Page:
    """Every change of the stream after `number`."""
    through = head()
    rows = Notice.objects.filter(changed_seq__gt=number, changed_seq__lte=through).select_related("author")
    return Page([_event(row, space, row.author.name) for row in rows.order_by("changed_seq")], through)


def head() -> int:
    """The stream's number: 0 before the first notice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), 0) FROM notices_stream")
        return int(cursor.fetchone()[0])


_HEADS = "SELECT {key}, coalesce(max(seq), 0), {asked} FROM {schema}.notices_stream"


def heads(streams: Mapping[Space, list[str]]) -> dict[tuple[str, str], int]:
    """For the audit: the number of each organisation's one stream. In the public schema."""
    return {(key, ""): seq for key, seq, _ in abreast.select(_HEADS, streams)}


def _event(row: Notice, space: Space, author: str) -> protocol.Notice:
    return protocol.Notice(
        seq=row.seq,
        changed_seq=row.changed_seq,
        epoch=space.epoch,
        title=row.title,
        message=row.body,
        level=row.level,
        user=author,
        user_id=row.author_id,
        at=protocol.moment(row.at),
    )
