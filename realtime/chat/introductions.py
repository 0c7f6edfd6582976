"""What verbs ask of rooms: into which somebody new may be brought, whom a guest knows, and who is in one."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.dispatch import receiver

from realtime.chat.models import Membership, Room
from tenants.actor import Actor
from tenants.directory import Space
from tenants.signals import companions, entrances, residents


@receiver(entrances)
def own_and_public_rooms(actor: Actor, public: bool = False, **_: Any) -> list[tuple[str, str]]:
    """Public rooms, and, unless only those are wanted, the private ones that the inviter is in."""
    own = Exists(Membership.objects.filter(room=OuterRef("pk"), user_id=actor.user_id))
    seen = Q(kind=Room.Kind.PUBLIC) if public else Q(kind=Room.Kind.PUBLIC) | Q(own, kind=Room.Kind.PRIVATE)
    rooms = Room.objects.filter(seen, archived_at=None)
    return list(rooms.order_by("title", "address").values_list("address", "title"))


@receiver(companions)
def people_of_the_same_rooms(actor: Actor, **_: Any) -> QuerySet[Membership, int]:
    own = Membership.objects.filter(user_id=actor.user_id).values("room")
    return Membership.objects.filter(room__in=own).values_list("user_id", flat=True)


@receiver(residents)
def people_of_public_rooms(space: Space, rooms: Sequence[str], **_: Any) -> QuerySet[Membership, int]:
    there = Membership.objects.filter(room__address__in=rooms, room__kind=Room.Kind.PUBLIC)
    return there.values_list("user_id", flat=True)
