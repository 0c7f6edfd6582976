"""Rows as events: what is said, as everybody hears it."""

from dataclasses import fields
from typing import Any

from realtime import protocol
from realtime.chat.models import Message
from tenants.directory import Space


def message(row: Message, space: Space, address: str | None = None) -> protocol.Message:
    """The whole message as it stands. `address`: of its room, where the caller knows it."""
    return protocol.Message(
        room=address or row.room.address,
        seq=row.seq,
        changed_seq=row.changed_seq,
        epoch=space.epoch,
        user=row.author.name,
        user_id=row.author_id,
        client_id=row.client_id,
        message=row.body,
        at=protocol.moment(row.at),
        **_changeable(row),
    )


def changed(row: Message, space: Space, address: str) -> protocol.Changed:
    """All of it that can change."""
    return protocol.Changed(
        room=address,
        seq=row.seq,
        changed_seq=row.changed_seq,
        epoch=space.epoch,
        message=row.body,
        **_changeable(row),
    )


def as_heard(event: protocol.Message, after: int) -> protocol.Message | protocol.Changed:
    """A message that is replayed to somebody who had all of the room up to `after`: new to them, or a change."""
    if event.seq > after:
        return event
    return protocol.Changed(**{field.name: getattr(event, field.name) for field in fields(protocol.Changed)})


def _changeable(row: Message) -> dict[str, Any]:
    reactions = [protocol.Reaction(emoji=emoji, users=users) for emoji, users in row.reactions or []]
    return {
        "html": row.html,
        "mentions": row.mentions or None,
        "reactions": reactions or None,
        "edited": protocol.moment(row.edited_at) if row.edited_at else None,
        "deleted": True if row.deleted_at else None,
    }
