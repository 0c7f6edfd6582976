"""Session keys and tokens → Actor. Called inside the organisation's schema, for that organisation."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.internal.httpkit import clean_client_ip
from allauth.usersessions.models import UserSession
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
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


def by_session(space: Space, session_key: str, client: str = "") -> Actor | None:
    """The person of a live session. Like Django's own check, but it never flushes: a socket that opens after the
    secret was rotated must not sign the browser out."""
    session = SessionStore(session_key)
    user = _active().filter(pk=_number(session.get(SESSION_KEY))).first() if session.get(BACKEND_SESSION_KEY) else None
    proof = session.get(HASH_SESSION_KEY, "")
    if user is None or not belongs(proof, user):
        return None
    session_seen(session_key, client)
    left = session.get_expiry_date() - timezone.now()
    return replace(actor_of(space, user, digest(session_key), proof, client), expires_in=left.total_seconds())


def by_token(space: Space, token: str, client: str = "") -> Actor | None:
    row = Token.objects.filter(token_hash=digest(token), expires_at__gt=timezone.now()).first()
    user = _active().filter(pk=row.user_id).first() if row else None
    if row is None or user is None:
        return None
    now = timezone.now()
    if row.last_used_at is None or row.last_used_at < now - _SEEN_EVERY:
        Token.objects.filter(pk=row.pk).update(last_used_at=now)
    left = row.expires_at - now
    return replace(actor_of(space, user, row.token_hash, client=client), expires_in=left.total_seconds())


def again(actor: Actor) -> Actor | None:
    """The same person by the same credential, as things stand now. None: it has ended."""
    user = _active().filter(pk=actor.user_id).first()
    if user is None or (actor.proof and not belongs(actor.proof, user)):
        return None
    return actor_of(actor.organization, user, actor.credential, actor.proof, actor.client_address)


def session_seen(session_key: str, client: str) -> None:
    """Remember when and from where this session was used last, for the list of sessions."""
    now = timezone.now()
    old = UserSession.objects.filter(session_key=session_key, last_seen_at__lt=now - _SEEN_EVERY)
    address = clean_client_ip(client)
    old.update(last_seen_at=now, **({"ip": address} if address else {}))


def issue(user: User, name: str, lifetime: timedelta = LIFETIME) -> tuple[Token, str]:
    """A new token and its text, which is told this once and never stored."""
    text = PREFIX + new_secret()
    row = Token.objects.create(user=user, name=name, token_hash=digest(text), expires_at=timezone.now() + lifetime)
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
