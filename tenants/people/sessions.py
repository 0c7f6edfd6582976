"""Where a person is signed in: one line per browser, ended by that person alone."""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.actor import Actor
from tenants.people import audit, credentials
from tenants.people.models import User
from tenants.problems import Problem
from tenants.roles import verb

# What a browser says of itself names others too, for they all once wanted to be taken for each other: the most
# particular first.
BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Windows": "Windows",
    "CrOS": "ChromeOS",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


@dataclass(frozen=True, slots=True)
class Place:
    id: int
    device: str
    address: str
    created_at: datetime
    last_used_at: datetime
    current: bool  # it is the one that asks


@verb("sessions.listed")
def listed(actor: Actor) -> list[Place]:
    """Those that still let this person in, the one used last first. The last use is known to the minute."""
    return [
        Place(
            row.pk,
            device(row.user_agent),
            row.ip,
            row.created_at,
            row.last_seen_at,
            credentials.digest(row.session_key) == actor.credential,
        )
        for row, _session in _live(actor)
    ]


@verb("sessions.end")
@transaction.atomic
def end(actor: Actor, session_id: int) -> None:
    """That browser is signed out; sockets that it has opened close within two seconds."""
    row, session = next((each for each in _live(actor) if each[0].pk == session_id), (None, None))
    if row is None or session is None:
        raise Problem(404, "not_found", _("You have no such session; it may have ended already."))
    audit.note(actor, "sessions.end", device(row.user_agent))
    _end(row, session)


@verb("sessions.end_others")
@transaction.atomic
def end_others(actor: Actor) -> int:
    """Every browser but the one that asks; how many these were."""
    others = [each for each in _live(actor) if credentials.digest(each[0].session_key) != actor.credential]
    for row, session in others:
        _end(row, session)
    if others:
        audit.note(actor, "sessions.end_others", count=len(others))
    return len(others)


def device(user_agent: str) -> str:
    """A browser and a system as people call them."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or user_agent[:40] or _("An unknown device")


def _live(actor: Actor) -> list[tuple[UserSession, Session]]:
    """Not those that are outdated, nor those of an earlier password, which let nobody in any more."""
    rows = list(UserSession.objects.filter(user_id=actor.user_id).order_by("-last_seen_at", "-pk"))
    keys = [row.session_key for row in rows]
    sessions = Session.objects.filter(expire_date__gt=timezone.now()).in_bulk(keys)
    person = User.objects.get(pk=actor.user_id)
    return [(row, found) for row in rows if (found := sessions.get(row.session_key)) and _lets_in(found, person)]


def _lets_in(session: Session, person: User) -> bool:
    return credentials.belongs(session.get_decoded().get(HASH_SESSION_KEY, ""), person)


def _end(row: UserSession, session: Session) -> None:
    session.delete()  # which control is told by endings.py
    row.delete()
