"""Looking after a room: who is in it, what it is called, whether it is open. Its maker may, and moderators."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from realtime import events, groups
from realtime.chat import rooms
from realtime.chat.conversations import require_active
from realtime.chat.models import Membership, Room
from realtime.chat.newcomers import GENERAL
from realtime.protocol import Refused, RoomChange, RoomState, check_text
from tenants.actor import Actor
from tenants.people import audit
from tenants.people.models import User
from tenants.roles import Role, may, require, verb


@verb("rooms.members")
def members(actor: Actor, address: str, *, after: int | None = None, limit: int = 100) -> list[User]:
    """The active people of a room that one may see, by name; those that come after the person `after`."""
    everybody = User.objects.filter(rooms=rooms.visible(actor, address))
    people = everybody.filter(is_active=True).order_by("name", "pk")
    if after is not None:
        name = everybody.filter(pk=after).values_list("name", flat=True).first() or ""
        people = people.filter(Q(name__gt=name) | Q(name=name, pk__gt=after))
    return list(people[:limit])


@verb("rooms.invite")
@transaction.atomic
def invite(actor: Actor, address: str, user_ids: Iterable[int]) -> list[User]:
    """Bring people into a room that one is in oneself; those who are in it stay. Their open pages show it by itself.

    Raises Refused: not_found (room or person), forbidden (deactivated, archived, a conversation).
    """
    room = _titled(actor, address)
    if not rooms.own(actor, [address]):
        raise Refused("forbidden", "Join the room first; then you can invite others.")
    if room.archived_at is not None:
        raise Refused("forbidden", "This room is archived.")
    people = require_active(user_ids)
    here = rooms.members_among(address, [person.pk for person in people])
    new = [person for person in people if person.pk not in here]
    rooms.enter([room], [person.pk for person in new], actor.organization.key)
    if new and room.kind == Room.Kind.PUBLIC:
        audit.note(actor, "rooms.invite", ", ".join(person.name for person in new), room=room.address)
    return new


@verb("rooms.expel")
@transaction.atomic
def expel(actor: Actor, address: str, user_id: int) -> None:
    """Put somebody out of the room: they hear nothing more within two seconds, on any socket.

    Its maker may put out anybody; moderators people up to their own role, but not the maker of a private room, which
    they are in by invitation. Into a public room one may come back: who should not belongs into a private one.
    """
    room = _titled(actor, address)
    person = User.objects.filter(pk=user_id, rooms=room).first()
    if person is None:
        raise Refused("not_found", "There is no such person in this room.")
    if person.pk == actor.user_id:
        raise Refused("forbidden", "Nobody is put out by themselves; leave the room.")
    _require_host(actor, room)
    if room.made_by_id == person.pk and room.kind == Room.Kind.PRIVATE:
        raise Refused("forbidden", "The room is theirs.")
    if room.made_by_id != actor.user_id and not Role(actor.role).at_least(Role(person.role)):
        raise Refused("forbidden", "This person's role is above yours.")
    rooms.put_out(room, person.pk, actor.organization.key)
    if room.kind == Room.Kind.PUBLIC:
        audit.note(actor, "rooms.expel", person.name, room=room.address)


@verb("rooms.change")
@transaction.atomic
def change(
    actor: Actor,
    address: str,
    *,
    title: str | None = None,
    topic: str | None = None,
    announcements: bool | None = None,
) -> RoomState:
    """Another title, topic, or whether only announcements are made here. None: as it was."""
    room = _hosted(actor, address)
    if title is not None:
        check_text(title, rooms.MOST_TITLE)
    if topic:
        check_text(topic, rooms.MOST_TOPIC)
    wanted = {"title": title, "topic": topic, "announcements": announcements}
    changes = {name: value for name, value in wanted.items() if value is not None and value != getattr(room, name)}
    return _set(actor, room, "rooms.change", **changes)


@verb("rooms.archive")
@transaction.atomic
def archive(actor: Actor, address: str) -> RoomState:
    """From now on the room can be read, and nothing more is said in it."""
    if address == GENERAL:
        raise Refused("forbidden", "Newcomers arrive in this room; it stays open.")
    room = _hosted(actor, address)
    return _set(actor, room, "rooms.archive", **({} if room.archived_at else {"archived_at": timezone.now()}))


@verb("rooms.restore")
@transaction.atomic
def restore(actor: Actor, address: str) -> RoomState:
    """Take an archiving back."""
    room = _hosted(actor, address)
    return _set(actor, room, "rooms.restore", **({"archived_at": None} if room.archived_at else {}))


def _set(actor: Actor, room: Room, verb: str, **changes: Any) -> RoomState:
    """Write the changes, and tell whoever is there. Nothing changed: nothing is told."""
    if changes:
        before = {name: getattr(room, name) for name in changes if name != "archived_at"}
        Room.objects.filter(pk=room.pk).update(**changes)
        if room.kind == Room.Kind.PUBLIC:
            audit.note(actor, verb, room.address, **({"before": before} if before else {}))
    (state,) = rooms.states(actor, [room.address])
    if changes:
        events.tell(change_of(state), to=groups.room(actor.organization.key, room.address))
    return state


def change_of(state: RoomState, *, personal: bool = False) -> RoomChange:
    """What everybody in the room is told of it; `personal`: with what only this person may know."""
    return RoomChange(
        room=state.room,
        title=state.title,
        kind=state.kind,
        topic=state.topic,
        archived=state.archived,
        announcements=state.announcements,
        state=state if personal else None,
    )


def _titled(actor: Actor, address: str) -> Room:
    room = rooms.visible(actor, address)
    if room.kind in (Room.Kind.DIRECT, Room.Kind.GROUP):
        raise Refused("forbidden", "A conversation has no settings, and stays between those who began it.")
    return room


def _hosted(actor: Actor, address: str) -> Room:
    room = _titled(actor, address)
    _require_host(actor, room)
    return Room.objects.select_for_update().get(pk=room.pk)


def is_hosted_by(room: Room, actor: Actor) -> bool:
    """Its maker, or who may moderate: in private rooms that is one of its people, for others do not see it."""
    if room.made_by_id == actor.user_id and Membership.objects.filter(room=room, user_id=actor.user_id).exists():
        return True
    return may(actor, "rooms.moderate")


def _require_host(actor: Actor, room: Room) -> None:
    if not is_hosted_by(room, actor):
        require(actor, "rooms.moderate")
