"""What is said: post, and reading it again by pages."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction

from billing import limits
from realtime import events, groups, markup, protocol
from realtime.chat import rooms, told
from realtime.chat.models import Membership, Message, Room
from realtime.protocol import Refused
from tenants.actor import Actor
from tenants.gathering import alone
from tenants.roles import may, require, verb

# Right, number and row in one statement (four times cheaper than through the ORM). A client_id said before violates
# its constraint, which takes the number back too. ON CONFLICT DO NOTHING would burn it: a gap that nothing could fill.
_POST = """
WITH room AS (
    UPDATE chat_room SET seq = seq + 1
    WHERE address = %(room)s AND archived_at IS NULL
        AND (NOT announcements OR %(may_announce)s OR made_by_id = %(author)s) AND EXISTS (
        SELECT FROM chat_membership m JOIN people_user u ON u.id = m.user_id AND u.is_active
        WHERE m.room_id = chat_room.id AND m.user_id = %(author)s)
        AND (kind <> 'direct' OR NOT EXISTS (
        SELECT FROM chat_membership m JOIN people_user u ON u.id = m.user_id AND NOT u.is_active
        WHERE m.room_id = chat_room.id))
    RETURNING id, seq)
INSERT INTO chat_message (room_id, seq, changed_seq, author_id, client_id, body, html, mentions)
SELECT id, seq, seq, %(author)s, %(client_id)s, %(body)s, %(html)s, %(mentions)s::bigint[] FROM room
RETURNING seq, at
"""

MOST_MENTIONS = 50  # people in one message


@dataclass(frozen=True, slots=True)
class Posted:
    event: protocol.Message
    is_new: bool


@verb("messages.post")
def post(actor: Actor, command: protocol.Post) -> Posted:
    """Say something in a room of one's own. Saying it twice with one client_id says it once.

    Raises Refused: empty, bad_text, too_long, rate_limited, not_found (no such room, or not in it), forbidden (it is
    archived, for announcements, or with somebody who is deactivated), unknown.
    """
    return alone(post_all([admit(actor, command)]))


@dataclass(frozen=True, slots=True)
class Admitted:
    """A post that may be made, as far as is known without the database. `admit` makes them."""

    actor: Actor
    command: protocol.Post


def admit(actor: Actor, command: protocol.Post) -> Admitted:
    """Answered from memory, on any thread: a flood of what is refused costs no database thread its time.

    Raises Problem or Refused: forbidden, empty, bad_text, too_long, rate_limited.
    """
    require(actor, "messages.post")
    protocol.check_text(command.message, limits.body(actor.organization.key))
    try:
        limits.post(actor.organization.key, actor.user_id)
    except limits.LimitReached as reached:
        raise Refused("rate_limited", reached.sentence, reached.retry_after) from None
    return Admitted(actor, command)


def post_all(admitted: Sequence[Admitted]) -> list[Posted | Exception]:
    """What people of one organisation say at once, in this order: one round trip and one commit for all of it. In the
    place of what is not granted stands what `post` would raise; the others do not suffer from it."""
    answers: dict[int, Posted | Exception] = {}
    sayings: dict[int, _Saying] = {}
    for turn, each in enumerate(admitted):
        try:
            words = written(each.command.room, each.command.message)
            sayings[turn] = _Saying(each.actor, each.command, words)
        except (OperationalError, InterfaceError):
            answers[turn] = Refused("unknown", retry_after=1.0)
    # By room: processes that post in several rooms at once lock them in one order.
    answers |= _store(dict(sorted(sayings.items(), key=lambda each: each[1].command.room)))
    return [answers[turn] for turn in range(len(admitted))]


@dataclass(frozen=True, slots=True)
class _Saying:
    actor: Actor
    command: protocol.Post
    words: "Words"


def _store(sayings: Mapping[int, _Saying]) -> dict[int, Posted | Exception]:
    try:
        rows = _insert(list(sayings.values())) if sayings else []
    except (OperationalError, InterfaceError):  # lost on the way: it may have been committed
        return {turn: Refused("unknown", retry_after=1.0) for turn in sayings}
    except DatabaseError as error:
        if len(sayings) > 1:  # one of them, which was said before or cannot be stored: each for itself
            return {turn: answer for each in sayings.items() for turn, answer in _store(dict([each])).items()}
        if isinstance(error, IntegrityError):
            return {turn: _said_before(saying) for turn, saying in sayings.items()}
        return dict.fromkeys(sayings, error)
    return {turn: _told(saying, row) for (turn, saying), row in zip(sayings.items(), rows, strict=True)}


def _told(saying: _Saying, row: tuple[int, datetime] | None) -> Posted | Exception:
    actor, command, words = saying.actor, saying.command, saying.words
    if row is None:
        return _why_not(actor, command.room)
    seq, at = row
    event = protocol.Message(
        room=command.room,
        seq=seq,
        changed_seq=seq,
        epoch=actor.organization.epoch,
        user=actor.name,
        user_id=actor.user_id,
        client_id=command.client_id,
        message=words.body,
        at=protocol.moment(at),
        html=words.html,
        mentions=words.mentions or None,
    )
    events.publish(event, to=groups.room(actor.organization.key, command.room), number=seq)
    return Posted(event, is_new=True)


@dataclass(frozen=True, slots=True)
class Words:
    body: str
    html: str | None
    mentions: list[int]


def written(room: str, body: str) -> Words:
    """The words of a message for this room: rendered, with those whom they mention and who are in it."""
    names: dict[int, str] = {}
    if ids := markup.named(body)[:MOST_MENTIONS]:
        rows = Membership.objects.filter(room__address=room, user_id__in=ids, user__is_active=True)
        names = dict(rows.values_list("user_id", "user__name"))
    html = markup.render(body, names)
    return Words(body, html, markup.mentioned(html))


def _why_not(actor: Actor, address: str) -> Refused:
    rooms_of_mine = rooms.own(actor, [address])
    if not rooms_of_mine:
        return Refused("not_found")
    if rooms_of_mine[0].archived_at is not None:
        return Refused("forbidden", "This room is archived: it can be read, and nothing more is said in it.")
    if rooms_of_mine[0].kind == Room.Kind.DIRECT:
        return Refused("forbidden", "The other one is deactivated, and does not read this any more.")
    return Refused("forbidden", "This room is for announcements: only its maker and moderators post.")


def _insert(sayings: Sequence[_Saying]) -> list[tuple[int, datetime] | None]:
    compose: Callable[[str, dict[str, Any]], str] = connection.ops.compose_sql  # type: ignore[attr-defined]
    statements = ";".join(compose(_POST, _values(saying)) for saying in sayings)
    if not connection.in_atomic_block:  # what is sent together commits together: one round trip
        return _execute(statements)
    with transaction.atomic():  # inside a request, a violation must not spoil what surrounds it
        return _execute(statements)


def _values(saying: _Saying) -> dict[str, Any]:
    return {
        "room": saying.command.room,
        "author": saying.actor.user_id,
        "client_id": saying.command.client_id,
        "body": saying.words.body,
        "html": saying.words.html,
        "mentions": saying.words.mentions or None,
        "may_announce": may(saying.actor, "rooms.announce"),
    }


def _execute(statements: str) -> list[tuple[int, datetime] | None]:
    with connection.cursor() as cursor:
        cursor.execute(statements)
        rows = [cursor.fetchone()]
        while cursor.nextset():
            rows.append(cursor.fetchone())
    return rows


def _said_before(saying: _Saying) -> Posted | Exception:
    try:
        row = Message.objects.select_related("room", "author").get(
            author_id=saying.actor.user_id, client_id=saying.command.client_id
        )
    except (OperationalError, InterfaceError):
        return Refused("unknown", retry_after=1.0)
    return Posted(told.message(row, saying.actor.organization), is_new=False)


def new_client_id() -> str:
    return str(uuid.uuid4())


@verb("messages.page")
def page(
    actor: Actor, room: str, *, before: int | None = None, after: int | None = None, limit: int = 50
) -> tuple[list[protocol.Message], int, bool]:
    """One page of history in ascending order: the newest, or those before or after a number.

    With it come the room's number as of the reading (a safe `since`), and whether there is more that way.
    """
    found = rooms.visible(actor, room)
    through = found.seq
    rows = Message.objects.filter(room=found, seq__lte=through).select_related("author")
    if after is not None:
        picked = list(rows.filter(seq__gt=after).order_by("seq")[: limit + 1])
        kept = picked[:limit]
    else:
        older = rows.filter(seq__lt=before) if before is not None else rows
        picked = list(older.order_by("-seq")[: limit + 1])
        kept = picked[:limit][::-1]
    return [told.message(row, actor.organization, room) for row in kept], through, len(picked) > limit


@verb("messages.one")
def one(actor: Actor, room: str, seq: int) -> protocol.Message:
    """The message of this number, in a room that one may see. What a permalink names."""
    row = Message.objects.select_related("author").filter(room=rooms.visible(actor, room), seq=seq).first()
    if row is None:
        raise Refused("not_found", "There is no such message.")
    return told.message(row, actor.organization, room)
