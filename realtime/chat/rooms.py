"""Rooms: open, join, leave, and which of them one may see."""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q
from django.utils.text import slugify

from realtime.chat import seen
from realtime.chat.models import Membership, Room
from realtime.protocol import Refused, RoomState, check_text
from tenants import control
from tenants.actor import Actor
from tenants.models import new_key
from tenants.people import audit
from tenants.roles import Role, verb

MOST_TITLE, MOST_TOPIC = 80, 250
RANDOM = 16  # base32 characters of an address that nobody can guess: 80 bits
_OURS = re.compile(f"[a-z2-7]{{{RANDOM}}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(RoomState):
    """A room as one person sees it in the list."""

    members: int


@verb("rooms.listed")
def listed(
    actor: Actor, *, text: str = "", after: str | None = None, limit: int | None = None, titled: bool = False
) -> list[Listed]:
    """Rooms that this person may see, by title: all public ones and their own; for guests, those they are in.

    With `text`, those whose title or topic holds it; `titled`: without conversations. A page begins after the room
    `after`.
    """
    rooms = _visible(actor)
    if titled:
        rooms = rooms.filter(kind__in=(Room.Kind.PUBLIC, Room.Kind.PRIVATE))
    if text:
        rooms = rooms.filter(Q(title__icontains=text) | Q(topic__icontains=text))
    if after is not None and (last := _visible(actor).filter(address=after).first()):
        rooms = rooms.filter(Q(title__gt=last.title) | Q(title=last.title, address__gt=last.address))
    rows = list(rooms[:limit])
    people = Membership.objects.filter(room__in=[row.pk for row in rows], user__is_active=True).values("room_id")
    count = dict(people.annotate(count=Count("pk")).values_list("room_id", "count"))
    states = {state.room: state for state in seen.states([actor], [row.address for row in rows])[actor.user_id]}
    return [Listed(members=count.get(row.pk, 0), **_fields(states[row.address])) for row in rows]


@verb("rooms.states")
def states(actor: Actor, addresses: Iterable[str] | None = None) -> list[RoomState]:
    """The rooms that this person may see, or those of them that are named, with what is unread."""
    return seen.states([actor], None if addresses is None else list(addresses))[actor.user_id]


@verb("rooms.visible")
def visible(actor: Actor, address: str) -> Room:
    """The room, or Refused not_found: what one may not see does not exist."""
    room: Room | None = _visible(actor).filter(address=address).first()
    if room is None:
        raise Refused("not_found", "There is no such room.")
    return room


@verb("rooms.own")
def own(actor: Actor, addresses: Iterable[str]) -> list[Room]:
    """Those of these rooms that this person is in."""
    return list(_visible(actor).filter(address__in=list(addresses), joined=True))


class At(NamedTuple):
    """A room, and the number where it stands."""

    id: int
    address: str
    seq: int


def at(address: str) -> At | None:
    row = Room.objects.filter(address=address).values_list("pk", "address", "seq").first()
    return At(*row) if row else None


def standing(pairs: Set[tuple[int, str]]) -> dict[tuple[int, str], At]:
    """Which of these people, by id, are in which of these rooms: the same as `own`, in one statement for all."""
    people, addresses = {person for person, _ in pairs}, {address for _, address in pairs}
    rows = Membership.objects.filter(user_id__in=people, room__address__in=addresses)
    found = rows.values_list("user_id", "room_id", "room__address", "room__seq")
    by_pair = {(person, address): At(id, address, seq) for person, id, address, seq in found}
    return {pair: room for pair, room in by_pair.items() if pair in pairs}


@verb("rooms.open")
def open(actor: Actor, title: str, address: str | None = None, *, private: bool = False, topic: str = "") -> Listed:
    """A new room, with its maker in it. Without an address a public one gets one like its title.

    The address of a private room is always random, and nobody may choose one that looks like it: being told that it is
    taken would tell that there is such a room.
    Raises Refused: empty, too_long, bad_text; bad_command if the address is taken or ours, or the room private.
    """
    check_text(title, MOST_TITLE)
    if topic:
        check_text(topic, MOST_TOPIC)
    if private and address is not None:
        raise Refused("bad_command", "room: a private room gets an address of ours.")
    if address is not None and _OURS.fullmatch(address):
        raise Refused("bad_command", "room: addresses of this form are given by us; choose another one.")
    kind = Room.Kind.PRIVATE if private else Room.Kind.PUBLIC
    address_of_it = new_key(RANDOM) if private else address or _address_like(title)
    try:
        with transaction.atomic():
            room = Room.objects.create(
                address=address_of_it, title=title, topic=topic, kind=kind, made_by_id=actor.user_id
            )
            enter([room], [actor.user_id], actor.organization.key)
    except IntegrityError:
        raise Refused("bad_command", f"There is already a room at the address {address_of_it}.") from None
    if not private:
        audit.note(actor, "rooms.open", room.address)
    (state,) = states(actor, [room.address])
    return Listed(members=1, **_fields(state))


@verb("rooms.join")
@transaction.atomic
def join(actor: Actor, addresses: Iterable[str]) -> list[Room]:
    """Become a member of these public rooms, or find oneself in them already. Left out are rooms that one may not see
    and archived ones. Returns the rooms as they are now."""
    rooms = list(_visible(actor).filter(address__in=list(addresses)).filter(Q(joined=True) | Q(archived_at=None)))
    enter([room for room in rooms if not room.joined], [actor.user_id], actor.organization.key)
    return rooms


@verb("rooms.leave")
@transaction.atomic
def leave(actor: Actor, address: str) -> None:
    """Be a member no more. Open sockets of this person stop hearing the room within two seconds."""
    room = visible(actor, address)
    if room.kind == Room.Kind.DIRECT:
        raise Refused("forbidden", "A conversation between two cannot be left.")
    put_out(room, actor.user_id, actor.organization.key)


@transaction.atomic
def enter(rooms: Iterable[Room], user_ids: Iterable[int], key: str) -> None:
    """Make these people members of these rooms. What was said before counts as read; their open sockets are told."""
    user_ids = list(user_ids)
    for room in rooms:
        Membership.objects.bulk_create(
            [Membership(room=room, user_id=user_id, read_seq=room.seq) for user_id in user_ids], ignore_conflicts=True
        )
        for user_id in user_ids:
            control.append(key, control.MEMBERSHIP, f"{user_id}:{room.address}")


@transaction.atomic
def put_out(room: Room, user_id: int, key: str) -> None:
    """This person is in the room no more, also on open sockets. If they looked after it, somebody else does."""
    room = Room.objects.select_for_update(no_key=True).get(pk=room.pk)  # two who leave at once inherit from each other
    if not Membership.objects.filter(room=room, user_id=user_id).delete()[0]:
        return
    if room.made_by_id == user_id:
        bequeath(room, user_id)
    if room.kind == Room.Kind.GROUP:
        room.between = None  # it is not between those people any more; the next time they begin another one
        room.save(update_fields=["between"])
    control.append(key, control.MEMBERSHIP, f"{user_id}:{room.address}")


def bequeath(room: Room, gone: int) -> None:
    """Its maker is gone. A private room is the longest member's from now on, a public one the moderators'."""
    heirs = Membership.objects.filter(room=room, user__is_active=True).exclude(user__role=Role.GUEST)
    longest = heirs.exclude(user_id=gone).order_by("joined_at", "pk").first()
    room.made_by_id = longest.user_id if longest and room.kind == Room.Kind.PRIVATE else None
    room.save(update_fields=["made_by"])


def members_among(address: str, user_ids: Iterable[int]) -> set[int]:
    """Which of these people are in the room now."""
    rows = Membership.objects.filter(room__address=address, user_id__in=list(user_ids), user__is_active=True)
    return set(rows.values_list("user_id", flat=True))


def _visible(actor: Actor):  # type: ignore[no-untyped-def]  # an annotated queryset has no name of its own
    own = Membership.objects.filter(room=OuterRef("pk"), user_id=actor.user_id)
    rooms = Room.objects.annotate(joined=Exists(own)).order_by("title", "address")
    everyones = Q(kind=Room.Kind.PUBLIC) if Role(actor.role).at_least(Role.MEMBER) else Q(pk=None)
    return rooms.filter(Q(joined=True) | everyones)


def _fields(state: RoomState) -> dict[str, Any]:
    return {field.name: getattr(state, field.name) for field in fields(state)}


def _address_like(title: str) -> str:
    """From the title where it is Latin; random where it is not, or where the likely address is taken."""
    likely = slugify(title)[:40].strip("-_").replace("_", "-")
    if likely and not _OURS.fullmatch(likely) and not Room.objects.filter(address=likely).exists():
        return likely
    return f"{likely}-{new_key(4)}" if likely else new_key()
