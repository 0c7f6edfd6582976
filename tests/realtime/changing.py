"""Changing messages as the sockets do, without one."""

from realtime.chat import changes, messages
from realtime.chat.models import Room
from realtime.protocol import Changed, Delete, Edit, Post, React
from tests.cast import Member, Org


def say(org: Org, who: Member, text: str, room: str = "general") -> int:
    return posted(org, who, Post(room=room, client_id=messages.new_client_id(), message=text)).event.seq


def posted(org: Org, who: Member, command: Post) -> messages.Posted:
    return org.inside(messages.post, who.actor, command)


def edit(org: Org, who: Member, seq: int, text: str, room: str = "general") -> Changed:
    return org.inside(changes.edit, who.actor, Edit(room=room, seq=seq, message=text))


def delete(org: Org, who: Member, seq: int, room: str = "general") -> Changed:
    return org.inside(changes.delete, who.actor, Delete(room=room, seq=seq))


def react(
    org: Org, who: Member, seq: int, emoji: str = "👍", *, remove: bool = False, room: str = "general"
) -> Changed:
    return org.inside(changes.react, who.actor, React(room=room, seq=seq, emoji=emoji, remove=remove))


def seq_of(org: Org, room: str = "general") -> int:
    return org.inside(lambda: Room.objects.get(address=room).seq)
