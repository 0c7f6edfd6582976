"""Rooms as people see them: one statement, however many rooms and however many people ask at once.

Who opens a socket is told all their rooms. A thousand who come back together ask in batches (tenants/gathering.py), so
this is written for that: through the ORM it took four statements and several milliseconds for each of them.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import connection

from realtime.chat.reading import MOST
from realtime.protocol import Person, RoomState
from tenants.actor import Actor
from tenants.roles import Role

# The same rule as rooms._visible: one's own rooms, and for members the public ones. Unread messages are counted up to a
# limit: who has been away for a year must not cost more than who has been away for a week. Who else is in it is asked
# inside a CASE, which asks for nothing where it is not told: a join would look up the thousand of a public room.
_STATES = """
SELECT who.id, r.address, r.title, r.seq, r.kind, r.topic, r.archived_at IS NOT NULL, r.announcements,
    m.user_id IS NOT NULL, coalesce(m.read_seq, r.seq), coalesce(unread.messages, 0), coalesce(unread.mentions, 0),
    CASE WHEN r.kind IN ('direct', 'group') AND m.user_id IS NOT NULL THEN (
        SELECT coalesce(json_agg(json_build_array(u.id, u.name) ORDER BY u.name, u.id), '[]')
        FROM chat_membership o JOIN people_user u ON u.id = o.user_id WHERE o.room_id = r.id AND o.user_id <> who.id
    ) END
FROM unnest(%(people)s::bigint[], %(members)s::boolean[]) AS who(id, is_member)
CROSS JOIN chat_room r
LEFT JOIN chat_membership m ON m.room_id = r.id AND m.user_id = who.id
LEFT JOIN LATERAL (
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM chat_message x
            WHERE x.room_id = r.id AND x.seq > m.read_seq AND x.author_id <> who.id AND x.deleted_at IS NULL
            ORDER BY x.seq LIMIT %(most)s) x) AS messages,
        (SELECT count(*) FROM (
            SELECT FROM chat_message x
            WHERE x.room_id = r.id AND x.seq > m.read_seq AND x.author_id <> who.id
                AND x.mentions IS NOT NULL AND who.id = ANY(x.mentions)
            ORDER BY x.seq LIMIT %(most)s) x) AS mentions
) unread ON r.seq > m.read_seq
WHERE (m.user_id IS NOT NULL OR (r.kind = 'public' AND who.is_member))
    AND (%(addresses)s::text[] IS NULL OR r.address = ANY(%(addresses)s::text[]))
ORDER BY r.title, r.address
"""


def states(people: Sequence[Actor], addresses: Sequence[str] | None = None) -> dict[int, list[RoomState]]:
    """By person: the rooms that they may see, or those of them that are named, by title, with what is unread."""
    asked = {person.user_id: Role(person.role).at_least(Role.MEMBER) for person in people}
    values: dict[str, Any] = {
        "people": list(asked),
        "members": list(asked.values()),
        "addresses": addresses,
        "most": MOST,
    }
    found: defaultdict[int, list[RoomState]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_STATES, values)
        for user_id, *row in cursor:
            found[user_id].append(_state(row))
    return found


def _state(row: list[Any]) -> RoomState:
    address, title, seq, kind, topic, archived, announcements, joined, read, unread, mentions, others = row
    return RoomState(
        room=address,
        title=title,
        seq=seq,
        joined=joined,
        kind=kind,
        topic=topic,
        archived=archived,
        announcements=announcements,
        read=read,
        unread=unread,
        mentions=mentions,
        people=None if others is None else [Person(user_id=user_id, user=name) for user_id, name in others],
    )
