"""How far people have read: kept per room and person, and told to their other devices."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection, transaction

from realtime import events, groups, protocol
from realtime.protocol import ReadUp, Refused
from tenants.actor import Actor
from tenants.roles import verb

MOST = 100  # counted; more are told as that many

_READ = """
UPDATE chat_membership m SET read_seq = greatest(m.read_seq, least(%(seq)s, r.seq))
FROM chat_room r WHERE r.id = m.room_id AND r.address = %(room)s AND m.user_id = %(user)s
RETURNING m.room_id, m.read_seq
"""

# Of others, after what has been read. Up to a limit: who has been away for a year must not cost more than for a week.
_COUNT = """
SELECT m.room_id, unread.messages, unread_mentions.messages
FROM chat_membership m
CROSS JOIN LATERAL (SELECT count(*) AS messages FROM (
    SELECT FROM chat_message x
    WHERE x.room_id = m.room_id AND x.seq > m.read_seq AND x.author_id <> m.user_id AND x.deleted_at IS NULL
    ORDER BY x.seq LIMIT %(most)s) x) unread
CROSS JOIN LATERAL (SELECT count(*) AS messages FROM (
    SELECT FROM chat_message x
    WHERE x.room_id = m.room_id AND x.seq > m.read_seq AND x.author_id <> m.user_id
        AND x.mentions IS NOT NULL AND m.user_id = ANY(x.mentions)
    ORDER BY x.seq LIMIT %(most)s) x) unread_mentions
WHERE m.user_id = %(user)s AND m.room_id = ANY(%(rooms)s) AND unread.messages > 0
"""


class Unread(NamedTuple):
    messages: int
    mentions: int


NOTHING = Unread(0, 0)


@verb("messages.mark_read")
@transaction.atomic
def mark_read(actor: Actor, command: protocol.Read) -> ReadUp:
    """This room is read up to a message. Never goes back. Raises Refused: not_found (not in it)."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, {"seq": command.seq, "room": command.room, "user": actor.user_id})
        row = cursor.fetchone()
    if row is None:
        raise Refused("not_found")
    room_id, seq = row
    left = counts(actor.user_id, [room_id]).get(room_id, NOTHING)
    event = ReadUp(room=command.room, seq=seq, unread=left.messages, mentions=left.mentions)
    events.tell(event, to=groups.notices(actor.organization.key), only=[actor.user_id])
    return event


def counts(user_id: int, room_ids: Sequence[int]) -> dict[int, Unread]:
    """What this person has not read of each room; rooms without anything are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"user": user_id, "rooms": list(room_ids), "most": MOST})
        return {room: Unread(messages, mentions) for room, messages, mentions in cursor}
