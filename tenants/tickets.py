"""The way from the sign-up page into the new space, which shares no cookie with it.

Signing up leaves a secret in a cookie of the public site. The page after it trades that for a ticket, once more secret
and fresh, and POSTs it to the new space, which takes it back for one sign-in. Both are kept as SHA-256, for 60 seconds.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from tenants import directory
from tenants.directory import Space
from tenants.models import Ticket
from tenants.people.credentials import digest, new_secret

LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Handover:
    space: Space
    ticket: str = field(repr=False)


def leave(space: Space, user_id: int) -> str:
    """A ticket for this person waits; the secret of the cookie that fetches it."""
    cookie = new_secret()
    Ticket.objects.create(
        token_hash=digest(new_secret()),  # of a ticket that nobody holds: it is made when it is fetched
        cookie_hash=digest(cookie),
        organization_id=space.id,
        user_id=user_id,
        expires_at=timezone.now() + LIFETIME,
    )
    return cookie


def fetch(cookie: str) -> Handover | None:
    """The ticket that waits for this cookie, made anew: one that was fetched before is worth nothing from now on."""
    waiting = Ticket.objects.filter(cookie_hash=digest(cookie), expires_at__gt=timezone.now())
    held = waiting.select_related("organization").first()
    space = directory.by_key(held.organization.key) if held else None
    ticket = new_secret()
    if space is None or not waiting.update(token_hash=digest(ticket)):
        return None
    return Handover(space, ticket)


def redeem(space: Space, ticket: str) -> int | None:
    """Whose ticket of this organisation it is; from now on nobody's. Called in any schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM public.tenants_ticket WHERE token_hash = %s AND organization_id = %s"
            " AND expires_at > clock_timestamp() RETURNING user_id",
            [digest(ticket), space.id],
        )
        row = cursor.fetchone()
    return row[0] if row else None
