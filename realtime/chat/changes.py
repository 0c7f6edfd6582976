"""What becomes of a message after it is said: edited, deleted, reacted to. Each change takes a number of the room, and
carries the whole state of the message, so that a later one makes an earlier one superfluous."""

import re

from django.db import transaction
from django.utils import timezone

from billing import limits
from realtime import events, groups, protocol
from realtime.chat import rooms, told
from realtime.chat.messages import written
from realtime.chat.models import Message, Room
from realtime.protocol import Changed, Refused
from tenants.actor import Actor
from tenants.people import audit
from tenants.roles import require, verb

MOST_EMOJI = 20  # different ones on one message

# One emoji: a keycap, a flag, or a picture, or several of those joined to one. Whole blocks of Unicode, so that the
# coming years' are in it; some are other symbols, which does no harm.
_PICTURE = (
    "[©®‼⁉™ℹ〰〽㊗㊙\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001faff]"
    "\ufe0f?[\U0001f3fb-\U0001f3ff]?"
)
_EMOJI = re.compile(
    "[0-9#*]\ufe0f?\u20e3|[\U0001f1e6-\U0001f1ff]{2}|\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f"
    f"|{_PICTURE}(?:\u200d{_PICTURE})*"
)


@verb("messages.edit")
@transaction.atomic
def edit(actor: Actor, command: protocol.Edit) -> Changed:
    """Other words for a message of one's own. The same words again change nothing.

    Raises Refused: empty, bad_text, too_long, rate_limited, not_found, forbidden (somebody else's, room archived).
    """
    body = protocol.check_text(command.message, limits.body(actor.organization.key))
    room, row = _found(actor, command.room, command.seq)
    if row.author_id != actor.user_id:
        raise Refused("forbidden", "Only who has said it can edit it.")
    if row.body == body:
        return told.changed(row, actor.organization, room.address)
    words = written(room.address, body)
    row.body, row.html, row.mentions, row.edited_at = words.body, words.html, words.mentions or None, timezone.now()
    return _change(actor, room, row)


@verb("messages.delete")
@transaction.atomic
def delete(actor: Actor, command: protocol.Delete) -> Changed:
    """The words are gone for good, the number stays. One's own message, or for moderators anybody's."""
    room, row = _found(actor, command.room, command.seq, also_deleted=True)
    if row.deleted_at is not None:
        return told.changed(row, actor.organization, room.address)
    if row.author_id != actor.user_id:
        require(actor, "messages.moderate")
        if room.kind == Room.Kind.PUBLIC:
            audit.note(actor, "messages.delete", row.author.name, room=room.address, seq=row.seq)
    row.body, row.html, row.mentions, row.reactions, row.deleted_at = "", None, None, None, timezone.now()
    return _change(actor, room, row)


@verb("messages.react")
@transaction.atomic
def react(actor: Actor, command: protocol.React) -> Changed:
    """Add an emoji of one's own to a message, or take it back. Twice does nothing more."""
    _require_emoji(command.emoji)
    room, row = _found(actor, command.room, command.seq)
    reactions = dict(row.reactions or [])
    users = reactions.setdefault(command.emoji, [])
    if (actor.user_id in users) != command.remove:
        return told.changed(row, actor.organization, room.address)
    if len(reactions) > MOST_EMOJI:
        raise Refused("forbidden", f"A message takes at most {MOST_EMOJI} different emoji.")
    if command.remove:
        users.remove(actor.user_id)
    else:
        users.append(actor.user_id)
    row.reactions = [[emoji, users] for emoji, users in reactions.items() if users] or None
    return _change(actor, room, row)


@verb("messages.unreact")
def unreact(actor: Actor, room: str, seq: int, emoji: str) -> Changed:
    """Take an emoji of one's own back."""
    return react(actor, protocol.read(protocol.React, {"room": room, "seq": seq, "emoji": emoji, "remove": True}))


def _found(actor: Actor, address: str, seq: int, *, also_deleted: bool = False) -> tuple[Room, Message]:
    """The room, locked, so that its numbers come one after the other; and the message."""
    _within_rate(actor)
    own = rooms.own(actor, [address])
    if not own:
        raise Refused("not_found")
    room = Room.objects.select_for_update(no_key=True).get(pk=own[0].pk)  # people may join meanwhile
    if room.archived_at is not None:
        raise Refused("forbidden", "This room is archived: it can be read, and nothing more is said in it.")
    row = Message.objects.select_related("author").filter(room=room, seq=seq).first()
    if row is None or (row.deleted_at is not None and not also_deleted):
        raise Refused("not_found", "There is no such message.")
    return room, row


def _within_rate(actor: Actor) -> None:
    try:
        limits.post(actor.organization.key, actor.user_id)
    except limits.LimitReached as reached:
        raise Refused("rate_limited", reached.sentence, reached.retry_after) from None


def _change(actor: Actor, room: Room, row: Message) -> Changed:
    room.seq += 1
    room.save(update_fields=["seq"])
    row.changed_seq = room.seq
    row.save()
    event = told.changed(row, actor.organization, room.address)
    events.publish(event, to=groups.room(actor.organization.key, room.address), number=room.seq)
    return event


def _require_emoji(text: str) -> None:
    if not _EMOJI.fullmatch(text):
        raise Refused("bad_command", "emoji: must be an emoji.")
