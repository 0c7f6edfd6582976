"""Conversations between a few people: no title, no settings, one for each set of people."""

import hashlib
from collections.abc import Iterable

from django.db import IntegrityError, transaction

from realtime.chat import rooms
from realtime.chat.models import Room
from realtime.protocol import Refused, RoomState
from tenants.actor import Actor
from tenants.models import new_key
from tenants.people.models import User
from tenants.roles import verb

MOST = 9  # people; more of them should open a room


@verb("rooms.direct")
def direct(actor: Actor, user_ids: Iterable[int]) -> RoomState:
    """The conversation between this person and these others: the one that there is, or a new one.

    One that there is can be read also when somebody in it is deactivated; a new one is not begun then.
    Raises Refused: bad_command (too many), not_found (no such person), forbidden (deactivated).
    """
    people = sorted({actor.user_id, *user_ids})
    if len(people) > MOST:
        raise Refused("bad_command", f"people: at most {MOST} can talk like this; open a room for more.")
    between = hashlib.sha256(",".join(map(str, people)).encode()).hexdigest()
    room = Room.objects.filter(between=between).first() or _begin(actor, between, people)
    (state,) = rooms.states(actor, [room.address])
    return state


def _begin(actor: Actor, between: str, people: list[int]) -> Room:
    require_active(people)
    kind = Room.Kind.DIRECT if len(people) <= 2 else Room.Kind.GROUP
    try:
        with transaction.atomic():
            room = Room.objects.create(address=new_key(rooms.RANDOM), title="", kind=kind, between=between)
            rooms.enter([room], people, actor.organization.key)
            return room
    except IntegrityError:  # two began it at once
        return Room.objects.get(between=between)


def require_active(user_ids: Iterable[int]) -> list[User]:
    """These people, all of them here and active; or Refused."""
    wanted = set(user_ids)
    found = list(User.objects.filter(pk__in=wanted))
    if len(found) < len(wanted):
        raise Refused("not_found", "There is no such person.")
    for person in found:
        if not person.is_active:
            raise Refused("forbidden", f"{person.name} is deactivated.")
    return found
