"""Rooms for stories, and what is done in them, by the product's own verbs."""

from typing import Any

from realtime.chat import hosting, messages, rooms
from realtime.chat.messages import Posted
from realtime.protocol import Post, RoomState
from tests.cast import Member, Org

NOWHERE = "zz" * 8  # an address of the form of a private room's, at which there is none


def opens(org: Org, maker: Member, title: str = "Plans", *people: Member, private: bool = False) -> str:
    """A room with these people in it."""
    room = org.inside(lambda: rooms.open(maker.actor, title, private=private).room)
    org.inside(hosting.invite, maker.actor, room, [who.actor.user_id for who in people])
    return room


def says(org: Org, who: Member, room: str, text: str = "hello") -> Posted:
    return org.inside(messages.post, who.actor, Post(room=room, client_id=f"{room}-{text}", message=text))


def changes(org: Org, who: Member, room: str, **what: Any) -> RoomState:
    return org.inside(lambda: hosting.change(who.actor, room, **what))
