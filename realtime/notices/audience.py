"""Whom a notice is for: said by an admin, and looked up once, when it is published."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from realtime import leases
from realtime.notices.models import Notice, Receipt
from tenants.actor import Actor
from tenants.directory import Space
from tenants.people import settings
from tenants.people.models import User
from tenants.roles import Role
from tenants.signals import residents

MOST = 5_000  # people who are named one by one

Audience = Notice.Audience
Of = Sequence[int | str]


def good(actor: Actor, audience: str, of: Of) -> list[int | str]:
    """What the audience is made of, as it is kept. Raises ValidationError.

    Rooms are public ones: whoever looks at the receipts of a notice would see who is in a private one.
    """
    wanted = list(dict.fromkeys(of))
    if audience in (Audience.EVERYBODY, Audience.ONLINE):
        return []
    if not 1 <= len(wanted) <= MOST:
        raise ValidationError({"of": _("Choose whom it is for.")})
    known: set[int | str]
    if audience == Audience.ROLES:
        known = {str(role) for role in Role}
    elif audience == Audience.ROOMS:
        known = {address for address, _title in settings.public_rooms(actor)}
    else:
        wanted = [_number(each) for each in wanted]
        known = _known(audience, wanted)
    if not set(wanted) <= known:
        raise ValidationError({"of": _("There is no such role, public room, person or notice.")})
    return wanted


def people(space: Space, audience: str, of: Of) -> QuerySet[User]:
    """Who is meant right now, of those who have an account that is open."""
    return User.objects.filter(_meant(space, audience, of), is_active=True).order_by("pk")


def visible(user_id: int) -> Q:
    """Notices that this person may read: those for everybody, and those they have a receipt of."""
    return Q(audience=Audience.EVERYBODY) | Q(pk__in=Receipt.objects.filter(user_id=user_id).values("notice"))


def online(space: Space) -> list[int]:
    return sorted(frozenset[int]().union(*leases.online(space.key).values()))


def _meant(space: Space, audience: str, of: Of) -> Q:
    if audience == Audience.ROLES:
        return Q(role__in=of)
    if audience == Audience.ROOMS:
        ((_receiver, ids),) = residents.send(Space, space=space, rooms=list(of))
        return Q(pk__in=ids)
    if audience == Audience.PEOPLE:
        return Q(pk__in=of)
    if audience == Audience.ONLINE:  # with names, they are those who were online when it was published
        return Q(pk__in=of or online(space))
    if audience == Audience.MISSING:
        waiting = Receipt.objects.filter(notice__in=[int(each) for each in of], targeted=True, acknowledged_at=None)
        return Q(pk__in=waiting.values("user"))
    return Q()


def _known(audience: str, wanted: list[Any]) -> set[int | str]:
    if audience == Audience.PEOPLE:
        return set(User.objects.filter(pk__in=wanted, is_active=True).values_list("pk", flat=True))
    asked = Notice.objects.filter(pk__in=wanted, needs_ack=True).exclude(seq=None)
    return set(asked.values_list("pk", flat=True)) if len(wanted) == 1 else set()


def _number(value: int | str) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
