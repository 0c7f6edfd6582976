"""A new organisation has a room `general`; whoever joins the organisation is put into the rooms for newcomers."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from realtime.chat.models import Room
from realtime.chat.rooms import enter
from tenants.directory import Space
from tenants.people.models import Settings, User
from tenants.roles import Role
from tenants.signals import founded, joined

GENERAL = "general"


@receiver(founded)
def make_general(space: Space, user_id: int, **_: Any) -> None:
    room = Room.objects.create(address=GENERAL, title="General")
    enter([room], [user_id], space.key)


@receiver(joined)
def enter_rooms(space: Space, user_id: int, rooms: Sequence[str] = (), **_: Any) -> None:
    """General, the organisation's default rooms as far as they are public, and those of the invitation. Guests are put
    into these last only."""
    theirs = Q(address__in=rooms, kind__in=(Room.Kind.PUBLIC, Room.Kind.PRIVATE))
    if User.objects.get(pk=user_id).role != Role.GUEST:
        settings = Settings.objects.first()
        theirs |= Q(address__in=[GENERAL, *(settings.default_rooms if settings else ())], kind=Room.Kind.PUBLIC)
    enter(Room.objects.filter(theirs, archived_at=None), [user_id], space.key)
