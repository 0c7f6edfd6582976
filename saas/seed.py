"""Organisations for measurements: many people who can come at once, made in a second.

    python -m saas.seed SLUG:PEOPLE …

Prints, for each, the room that all are in and everybody's token and session key, as JSON. One hash does for all, and
nobody knows the password. For a server of one's own that is thrown away: whoever reads this is in.
"""

import json
import secrets
import sys
from datetime import timedelta
from typing import Any

from saas.cli import guarded

ROOM = "general"
LIFETIME = timedelta(days=1)


def main() -> None:
    with guarded():
        import django

        django.setup()
        wanted = [argument.split(":") for argument in sys.argv[1:]]
        print(json.dumps([organization(slug, int(people)) for slug, people in wanted]))


def organization(slug: str, people: int) -> dict[str, Any]:
    """A new one with so many people, its owner among them."""
    from django.conf import settings

    from tenants import organizations
    from tenants.schema import entered

    password, email = secrets.token_urlsafe(16), f"owner@{slug}.example"
    space = organizations.sign_up(slug, slug, email, password, client=None).space
    with entered(space.schema_name):
        credentials = _people(slug, people)
    return {
        "host": f"{slug}.{settings.PUBLIC.netloc}",
        "room": ROOM,
        "cookie": settings.SESSION_COOKIE_NAME,
        "people": credentials,
    }


def _people(slug: str, count: int) -> list[dict[str, str]]:
    from allauth.account.models import EmailAddress

    from realtime.chat.models import Membership, Room
    from tenants.people.models import User

    owner, room = User.objects.get(), Room.objects.get(address=ROOM)
    EmailAddress.objects.update(verified=True)
    others = User.objects.bulk_create(
        User(email=f"person{number}@{slug}.example", name=f"Person {number}", password=owner.password)
        for number in range(1, count)
    )
    EmailAddress.objects.bulk_create(
        EmailAddress(user=each, email=each.email, primary=True, verified=True) for each in others
    )
    Membership.objects.bulk_create(Membership(room=room, user=each) for each in others)
    everybody = [owner, *others]
    return [
        {"token": token, "session": session}
        for token, session in zip(_tokens(everybody), _sessions(everybody), strict=True)
    ]


def _tokens(people: list[Any]) -> list[str]:
    from django.utils import timezone

    from tenants.people import credentials
    from tenants.people.models import Token

    texts = [credentials.PREFIX + credentials.new_secret() for _ in people]
    Token.objects.bulk_create(
        Token(user=each, name="bench", token_hash=credentials.digest(text), expires_at=timezone.now() + LIFETIME)
        for each, text in zip(people, texts, strict=True)
    )
    return texts


def _sessions(people: list[Any]) -> list[str]:
    """As signing in leaves them."""
    from allauth.usersessions.models import UserSession
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    keys, store, backend = [], SessionStore(), settings.AUTHENTICATION_BACKENDS[0]
    rows, places = [], []
    for person in people:
        key = secrets.token_hex(16)
        held = {
            SESSION_KEY: str(person.pk),
            BACKEND_SESSION_KEY: backend,
            HASH_SESSION_KEY: person.get_session_auth_hash(),
        }
        keys.append(key)
        rows.append(Session(session_key=key, session_data=store.encode(held), expire_date=timezone.now() + LIFETIME))
        places.append(UserSession(user=person, session_key=key, ip="127.0.0.1", user_agent="bench"))
    Session.objects.bulk_create(rows)
    UserSession.objects.bulk_create(places)
    return keys


if __name__ == "__main__":
    main()
