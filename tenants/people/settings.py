"""What an organisation decides for itself: its name, its logo, its time zone, who comes in and how."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from typing import Any
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.db import transaction
from django.utils.translation import gettext as _

from tenants import control
from tenants.actor import Actor
from tenants.models import Organization
from tenants.people import audit, logos, second_factor
from tenants.people.models import Settings
from tenants.people.names import is_name
from tenants.problems import Problem
from tenants.roles import may, verb
from tenants.schema import PUBLIC, entered
from tenants.signals import entrances

LONGEST_NAME = 100
MOST_ROOMS = MOST_DOMAINS = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """The settings as one person may see them; None: not for them."""

    name: str
    time_zone: str
    requires_second_factor: bool
    logo_mark: str
    default_rooms: list[str] | None
    email_domains: list[str] | None


def now() -> Settings:
    """The settings of the organisation in whose schema we are, without the logo's bytes."""
    return Settings.objects.defer("logo").first() or Settings()


@verb("settings.show")
def show(actor: Actor) -> Shown:
    """Who is let in, and where, is for those to know who may change it."""
    return _shown(actor, now(), _name(actor))


@verb("settings.change")
@transaction.atomic
def change(
    actor: Actor,
    *,
    name: str | None = None,
    time_zone: str | None = None,
    default_rooms: Iterable[str] | None = None,
    email_domains: Iterable[str] | None = None,
    requires_second_factor: bool | None = None,
) -> Shown:
    """What is None stays as it is. Everybody sees it within two seconds.

    Default rooms are public ones: what is told to every newcomer is no secret. Who demands second factors must have
    one; people without are led to make one, and their open sockets close within two seconds. Bad input raises
    ValidationError by field.
    """
    wished = {
        "name": name,
        "time_zone": time_zone,
        "default_rooms": default_rooms,
        "email_domains": email_domains,
    }
    good = _checked(actor, {field: value for field, value in wished.items() if value is not None})
    row = _held()
    before = _shown(actor, row, _name(actor))
    for field, value in good.items():
        setattr(row, field, value)  # the name is no column of it, and kept elsewhere
    if requires_second_factor is not None:
        _require_second_factors(actor, row, requires_second_factor)
    row.save(update_fields=["time_zone", "default_rooms", "email_domains", "requires_second_factor"])
    after = _shown(actor, row, good.get("name", before.name))
    if after.name != before.name:
        _rename(actor, after.name)
    if changed := _differences(before, after):
        audit.note(actor, "settings.change", **changed)
    return after


@verb("settings.set_logo")
@transaction.atomic
def set_logo(actor: Actor, upload: bytes) -> Shown:
    """The organisation's sign on every page. Raises `too_large` or `bad_image`, each with a sentence."""
    picture = logos.drawn(upload)
    row = _held()
    before, row.logo, row.logo_mark = row.logo_mark, picture, sha256(picture).hexdigest()[:16]
    row.save(update_fields=["logo", "logo_mark"])
    audit.note(actor, "settings.set_logo", before=before, after=row.logo_mark)
    return _shown(actor, row, _name(actor))


@verb("settings.remove_logo")
@transaction.atomic
def remove_logo(actor: Actor) -> None:
    row = _held()
    if not row.logo_mark:
        raise Problem(404, "not_found", _("There is no logo."))
    audit.note(actor, "settings.remove_logo", before=row.logo_mark)
    row.logo, row.logo_mark = None, ""
    row.save(update_fields=["logo", "logo_mark"])


def logo(mark: str) -> bytes | None:
    """The picture with this mark, if it still is the organisation's. For everybody: it stands on the sign-in page."""
    found = Settings.objects.filter(logo_mark=mark).values_list("logo", flat=True).first() if mark else None
    return None if found is None else bytes(found)


def public_rooms(actor: Actor) -> list[tuple[str, str]]:
    """Address and title of the rooms that newcomers may be put in."""
    answers: Sequence[tuple[object, Any]] = entrances.send(Actor, actor=actor, public=True)
    return [room for _receiver, rooms in answers for room in rooms]


@cache
def time_zones() -> frozenset[str]:
    """Those that people say: of places, and UTC."""
    places = {zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))}
    return frozenset(places | {"UTC"})


def _held() -> Settings:
    """The one row, locked until the transaction ends."""
    if not Settings.objects.exists():
        Settings.objects.get_or_create(pk=1)
    return Settings.objects.select_for_update().defer("logo").get()


def _name(actor: Actor) -> str:
    """As it is now, not as this process has held it for a second."""
    with entered(PUBLIC.schema_name):
        return str(Organization.objects.values_list("name", flat=True).get(pk=actor.organization.id))


def _rename(actor: Actor, name: str) -> None:
    space = actor.organization
    with entered(PUBLIC.schema_name):
        Organization.objects.filter(pk=space.id).update(name=name)
    control.append(space.key, control.ORGANIZATION)


def _checked(actor: Actor, wished: dict[str, Any]) -> dict[str, Any]:
    """The same as it is stored, or what is wrong, by field."""
    good, wrong = {}, {}
    for field, value in wished.items():
        try:
            good[field] = _CHECKS[field](actor, value)
        except ValidationError as error:
            wrong[field] = error.messages
    if wrong:
        raise ValidationError(wrong)
    return good


def _good_name(actor: Actor, name: str) -> str:
    if not is_name(name.strip(), LONGEST_NAME):
        raise ValidationError(_("Write a name of 1 to %(most)d characters.") % {"most": LONGEST_NAME})
    return name.strip()


def _good_zone(actor: Actor, zone: str) -> str:
    if zone not in time_zones():
        raise ValidationError(_("There is no such time zone. Write one like Europe/Berlin."))
    return zone


def _good_rooms(actor: Actor, wanted: Iterable[str]) -> list[str]:
    rooms = list(dict.fromkeys(wanted))
    if len(rooms) > MOST_ROOMS:
        raise ValidationError(_("At most %(most)d rooms.") % {"most": MOST_ROOMS})
    if not set(rooms) <= dict(public_rooms(actor)).keys():
        raise ValidationError(_("Newcomers can be put into public rooms only; one of these is none."))
    return rooms


def _good_domains(actor: Actor, wanted: Iterable[str]) -> list[str]:
    domains = list(dict.fromkeys(domain.strip().lower().removeprefix("@") for domain in wanted))
    if len(domains) > MOST_DOMAINS:
        raise ValidationError(_("At most %(most)d domains.") % {"most": MOST_DOMAINS})
    for domain in domains:
        try:
            DomainNameValidator()(domain)
        except ValidationError:
            raise ValidationError(_("Write domains like example.com.")) from None
    return domains


_CHECKS: dict[str, Callable[[Actor, Any], Any]] = {
    "name": _good_name,
    "time_zone": _good_zone,
    "default_rooms": _good_rooms,
    "email_domains": _good_domains,
}


def _require_second_factors(actor: Actor, row: Settings, wanted: bool) -> None:
    if wanted and not row.requires_second_factor and not second_factor.has_one(actor.user_id):
        sentence = _("Set up a second factor for yourself first; you would lock yourself out.")
        raise Problem(409, "no_second_factor", sentence)
    if wanted != row.requires_second_factor:
        row.requires_second_factor = wanted
        control.append(actor.organization.key, control.SECOND_FACTOR)


def _shown(actor: Actor, row: Settings, name: str) -> Shown:
    all_of_it = may(actor, "settings.change")
    return Shown(
        name,
        row.time_zone,
        row.requires_second_factor,
        row.logo_mark,
        [*row.default_rooms] if all_of_it else None,
        [*row.email_domains] if all_of_it else None,
    )


def _differences(before: Shown, after: Shown) -> dict[str, dict[str, object]]:
    old, new = asdict(before), asdict(after)
    return {field: {"before": old[field], "after": new[field]} for field in old if old[field] != new[field]}
