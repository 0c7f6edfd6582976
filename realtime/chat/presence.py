"""Who of a room is online: what guests may know of presence, and what scripts ask for."""

from dataclasses import dataclass

from realtime import leases
from realtime.chat import rooms
from realtime.chat.models import Membership
from realtime.crowds import named
from tenants.actor import Actor
from tenants.roles import verb


@dataclass(frozen=True, slots=True)
class Present:
    count: int
    online: list[int] | None  # None: too many to name


@verb("presence.room")
def room(actor: Actor, address: str) -> Present:
    """Of a room that one may see: its people who are online, by what all processes know."""
    members = Membership.objects.filter(room=rooms.visible(actor, address), user__is_active=True)
    online = frozenset().union(*leases.online(actor.organization.key).values())
    present = frozenset(members.filter(user_id__in=online).values_list("user_id", flat=True))
    return Present(len(present), named(present))
