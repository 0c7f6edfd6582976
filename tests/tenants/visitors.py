"""Browsers and machines that call the real application, and what they leave behind in mail and control."""

import asyncio
import base64
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import Any

import httpx
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.db import connection

from saas.asgi import application
from tenants.directory import Space
from tenants.people.models import Role, User
from tenants.schema import PUBLIC, entered
from tests.cast import PASSWORD

_addresses = count(1)


class Visitor:
    """A browser: keeps its cookies, sends the page's CSRF token, has an address of its own."""

    def __init__(self, url: str) -> None:
        number = next(_addresses)
        self.address = f"10.1.{number // 250}.{number % 250 + 1}"
        transport = httpx.ASGITransport(app=application, client=(self.address, 4000))
        self.http = httpx.AsyncClient(transport=transport, base_url=url)
        self.url = url
        self.sign_in_page = "/operators/login/" if url == settings.PUBLIC_URL else "/accounts/login/"

    def get(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self.http.get(path, **options))

    def post(self, path: str, **fields: str) -> httpx.Response:
        return asyncio.run(self.http.post(path, data=fields, headers=self._proofs()))

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """The API as a page calls it."""
        return asyncio.run(self.http.request(method, f"/api/v1{path}", json=body, headers=self._proofs() | headers))

    def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        return self.post(self.sign_in_page, login=email, password=password)

    def session(self) -> httpx.Response:
        return self.get("/api/v1/session")

    @property
    def session_key(self) -> str:
        return self.http.cookies[settings.SESSION_COOKIE_NAME]

    def _proofs(self) -> dict[str, str]:
        if settings.CSRF_COOKIE_NAME not in self.http.cookies:
            self.get(self.sign_in_page)
        token = self.http.cookies.get(settings.CSRF_COOKIE_NAME)
        return {"origin": self.url} | ({"x-csrftoken": token} if token else {})


def call(space: Space, method: str, path: str, token: str, body: object = None, **headers: str) -> httpx.Response:
    """The API as a machine calls it: with a token, without cookies, Origin or CSRF token."""

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url=space.url) as http:
            told = {"authorization": f"Bearer {token}"} | headers
            return await http.request(method, f"/api/v1{path}", json=body, headers=told)

    return asyncio.run(request())


def person(space: Space, name: str, *, role: Role = Role.MEMBER, verified: bool = True) -> User:
    """Somebody of this organisation: name@people.example, with the password PASSWORD."""
    with entered(space.schema_name):
        user = User.objects.create_user(f"{name}@people.example", PASSWORD, name=name.title(), role=role)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
        return user


def signed_in(space: Space, user: User) -> Visitor:
    browser = Visitor(space.url)
    assert browser.sign_in(user.email).status_code == 302
    return browser


def one_time_code(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


@dataclass(frozen=True)
class Mail:
    to: str
    subject: str
    text: str

    @property
    def links(self) -> list[str]:
        return re.findall(r"https?://\S+", self.text)


def mails(space: Space, to: str | None = None) -> list[Mail]:
    """What the organisation's people (or only `to`) have been written, the oldest first."""
    with entered(PUBLIC.schema_name), connection.cursor() as cursor:
        cursor.execute(
            "SELECT args->>'mail' FROM procrastinate_jobs WHERE args ? 'mail' AND args->>'key' = %s ORDER BY id",
            [space.key],
        )
        found = [_read(text) for (text,) in cursor.fetchall()]
    return [mail for mail in found if to in (None, mail.to)]


def _read(text: str) -> Mail:
    message = message_from_bytes(base64.b64decode(text), policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    return Mail(message["to"], message["subject"], body.get_content())


def ended(space: Space) -> list[tuple[str, str]]:
    """What control was told of this organisation, in order: (what, subject)."""
    with entered(PUBLIC.schema_name), connection.cursor() as cursor:
        cursor.execute("SELECT what, subject FROM tenants_control WHERE key = %s ORDER BY id", [space.key])
        return list(cursor.fetchall())
