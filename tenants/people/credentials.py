"""Session keys and tokens → Actor. Called inside the organisation's schema, for that organisation."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.internal.httpkit import clean_client_ip
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from tenants.actor import Actor
from tenants.directory import Space
from tenants.models import new_key
from tenants.people import second_factor
from tenants.people.models import Token, User

PREFIX = "cnv_"  # found by secret scanners
LIFETIME = timedelta(days=30)
_SEEN_EVERY = timedelta(minutes=1)  # the last use of a session or token is written at most this often


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """160 random bits in base32."""
    return new_key(32)


@dataclass(frozen=True, slots=True)
class Presented:
    """A session key or a token, as somebody shows it at the door of an organisation."""

    space: Space
    secret: str
    client: str = ""


def by_session(space: Space, session_key: str, client: str = "") -> Actor | None:
    """The person of a live session. Like Django's own check, but it never flushes: a socket that opens after the
    secret was rotated must not sign the browser out."""
    (actor,) = by_sessions([Presented(space, session_key, client)])
    return actor


def by_token(space: Space, token: str, client: str = "") -> Actor | None:
    (actor,) = by_tokens([Presented(space, token, client)])
    return actor


def by_sessions(presented: Sequence[Presented]) -> list[Actor | None]:
    """The same for all who come at once to one organisation: three statements, however many."""
    now = timezone.now()
    # What cannot be a key is not asked for: it might be no text of the database, and fail for all.
    keys = [each.secret for each in presented if each.secret.isascii() and each.secret.isalnum()]
    rows = {row.session_key: row for row in Session.objects.filter(session_key__in=keys, expire_date__gt=now)}
    held = {key: SessionStore(key).decode(row.session_data) for key, row in rows.items()}
    people = _people(_number(data.get(SESSION_KEY)) for data in held.values() if data.get(BACKEND_SESSION_KEY))
    found: list[Actor | None] = []
    for each in presented:
        data = held.get(each.secret, {})
        user, proof = people.get(_number(data.get(SESSION_KEY))), data.get(HASH_SESSION_KEY, "")
        if user is None or not data.get(BACKEND_SESSION_KEY) or not belongs(proof, user):
            found.append(None)
            continue
        left = rows[each.secret].expire_date - now
        actor = actor_of(each.space, user, digest(each.secret), proof, each.client)
        found.append(replace(actor, expires_in=left.total_seconds()))
    sessions_seen({each.secret: each.client for each, actor in zip(presented, found, strict=True) if actor})
    return found


def by_tokens(presented: Sequence[Presented]) -> list[Actor | None]:
    """The same for all who come at once to one organisation: three statements, however many."""
    now = timezone.now()
    hashes = [digest(each.secret) for each in presented]
    rows = {row.token_hash: row for row in Token.objects.filter(token_hash__in=hashes, expires_at__gt=now)}
    people = _people(row.user_id for row in rows.values())
    found: list[Actor | None] = []
    for each, token_hash in zip(presented, hashes, strict=True):
        row = rows.get(token_hash)
        user = people.get(row.user_id) if row else None
        if row is None or user is None:
            found.append(None)
            continue
        actor, left = actor_of(each.space, user, token_hash, client=each.client), row.expires_at - now
        found.append(replace(actor, reads_only=row.reads_only, expires_in=left.total_seconds()))
    if seen := [actor.credential for actor in found if actor]:
        with connection.cursor() as cursor:
            cursor.execute(_TOKENS_SEEN, {"hashes": seen, "now": now, "before": now - _SEEN_EVERY})
    return found


def again(actor: Actor) -> Actor | None:
    """The same person by the same credential, as things stand now. None: it has ended."""
    user = _active().filter(pk=actor.user_id).first()
    if user is None or (actor.proof and not belongs(actor.proof, user)):
        return None
    now = actor_of(actor.organization, user, actor.credential, actor.proof, actor.client_address)
    return replace(now, reads_only=actor.reads_only)


def sessions_seen(clients: Mapping[str, str]) -> None:
    """Remember when and from where (an address, by session key) these sessions were used last, for the list of them."""
    if clients:
        now, addresses = timezone.now(), [clean_client_ip(client) for client in clients.values()]
        values: dict[str, Any] = {
            "keys": list(clients),
            "addresses": addresses,
            "now": now,
            "before": now - _SEEN_EVERY,
        }
        with connection.cursor() as cursor:
            cursor.execute(_SESSIONS_SEEN, values)


# Who writes down the same just now is not waited for: two processes that did, in another order, would wait for ever.
_SESSIONS_SEEN = """
WITH seen AS (
    SELECT s.id, used.address
    FROM unnest(%(keys)s::text[], %(addresses)s::inet[]) AS used(key, address)
    JOIN usersessions_usersession s ON s.session_key = used.key
    WHERE s.last_seen_at < %(before)s
    FOR UPDATE OF s SKIP LOCKED)
UPDATE usersessions_usersession s SET last_seen_at = %(now)s, ip = coalesce(seen.address, s.ip)
FROM seen WHERE s.id = seen.id
"""
_TOKENS_SEEN = """
WITH seen AS (
    SELECT id FROM people_token
    WHERE token_hash = ANY(%(hashes)s) AND (last_used_at IS NULL OR last_used_at < %(before)s)
    FOR UPDATE SKIP LOCKED)
UPDATE people_token t SET last_used_at = %(now)s FROM seen WHERE t.id = seen.id
"""


def issue(user: User, name: str, lifetime: timedelta = LIFETIME, *, reads_only: bool = False) -> tuple[Token, str]:
    """A new token and its text, which is told this once and never stored."""
    text, ends = PREFIX + new_secret(), timezone.now() + lifetime
    row = Token.objects.create(user=user, name=name, token_hash=digest(text), expires_at=ends, reads_only=reads_only)
    return row, text


def actor_of(space: Space, user: User, credential: str, proof: str = "", client: str = "") -> Actor:
    """`client`: the address that the request or socket comes from, for the audit log."""
    if not hasattr(user, "verified"):  # Django's own look-up has brought this one
        user = _known().get(pk=user.pk)
    return Actor(
        organization=space,
        user_id=user.pk,
        name=user.name,
        role=user.role,
        email=user.email,
        email_verified=user.verified,  # type: ignore[attr-defined]  # annotated
        credential=credential,
        proof=proof,
        client_address=client,
        shows_presence=user.shows_presence,
        must_enroll=user.must_enroll,  # type: ignore[attr-defined]
    )


def _people(ids: Iterable[int]) -> dict[int, Any]:
    return {user.pk: user for user in _active().filter(pk__in=list(ids))}


def _active() -> QuerySet[Any]:
    return _known().filter(is_active=True)


def _known() -> QuerySet[Any]:
    """People with all that an Actor has to know of them, in one query."""
    own = EmailAddress.objects.filter(user=OuterRef("pk"), email__iexact=OuterRef("email"), verified=True)
    return User.objects.annotate(verified=Exists(own), must_enroll=Q(second_factor.MISSING))


def belongs(held: str, user: User) -> bool:
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(held, each) for each in hashes)


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdigit() else 0
