"""The doors: nothing of ours runs for a host nobody lives at, nor for anybody we do not know.

Door is the outermost ASGI application. It finds the organisation by the Host header alone, refuses the unknown, the
suspended and the half-migrated, and hands on a scope that says where it is: scope["organization"] (None: the public
site). For sockets it also says who is asking: scope["actor"].
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from tenants import directory
from tenants.actor import Actor
from tenants.directory import Space
from tenants.gathering import Gathering
from tenants.models import Organization
from tenants.people import credentials, known, second_factor
from tenants.people import settings as decided
from tenants.people.credentials import Presented
from tenants.provisioning import schema_version

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Refusal(Exception):
    """Not let in. `close` is the code for a socket that has to be accepted before it can be told."""

    def __init__(self, status: int, code: str, detail: str, *, close: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.close = status, code, detail, close

    @property
    def title(self) -> str:
        """The code in words, spelled as all our pages spell them."""
        return self.code.replace("_", " ").replace("organization", "organisation").capitalize()


class Door:
    def __init__(self, http: Application, websocket: Application, health: Application) -> None:
        self._inner = {"http": http, "websocket": websocket}
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in ("/livez", "/readyz"):
            return await self._health(scope, receive, send)
        try:
            scope = await self._admitted(scope)
        except Refusal as refusal:
            return await refuse(scope, receive, send, refusal)
        await self._inner[scope["type"]](scope, receive, send)

    async def _admitted(self, scope: Scope) -> Scope:
        host = host_name(scope)
        if "\0" in scope["path"]:  # no text of the database can hold it
            raise Refusal(404, "not_found", "There is nothing at this address.")
        scope = scope | {"client_address": client_address(scope), "organization": None, "actor": None}
        if host == settings.BASE_DOMAIN:
            if scope["type"] == "websocket":
                raise Refusal(404, "not_found", "There is no socket at this address.")
            return scope
        space = require_known(await directory.find(host))
        require_current_schema(space)
        if scope["type"] == "websocket":
            scope["actor"] = await self._asking(scope, space)
            require_enrolled(scope["actor"])
        require_active(space)
        return scope | {"organization": space}

    async def _asking(self, scope: Scope, space: Space) -> Actor:
        """Who opens this socket: a bearer token, or a session cookie that comes from the organisation's own pages."""
        client = scope["client_address"]
        if (token := header(scope, b"authorization")) is not None:
            kind, _, value = token.partition(" ")
            actor = None
            if kind.lower() == "bearer":
                actor = await _person(TOKENS, space, value.strip(), client)
            if actor is None:
                raise Refusal(401, "unauthorized", "This token is not known here.")
            return actor
        session_key = cookies(scope).get(settings.SESSION_COOKIE_NAME)
        if not session_key:
            raise Refusal(401, "unauthorized", "Sign in, or send a token in the Authorization header.")
        require_own_origin(scope)
        actor = await _person(SESSIONS, space, session_key, client)
        if actor is None:
            raise Refusal(401, "unauthorized", "Your session has ended. Sign in again.", close=4401)
        return actor


# All who come to one organisation while some are being looked up are looked up together.
SESSIONS = Gathering[Presented, Actor | None](lambda presented: credentials.by_sessions(presented))
TOKENS = Gathering[Presented, Actor | None](lambda presented: credentials.by_tokens(presented))


async def _person(look_up: Gathering[Presented, Actor | None], space: Space, secret: str, client: str) -> Actor | None:
    """By a session key or a token: without a query, if this process knows it."""
    actor = known.actor(space, credentials.digest(secret), client)
    if actor is None:
        began = known.generation()
        actor = await look_up.ask(space, Presented(space, secret, client))
        if actor is not None:
            known.remember(began, actor)
    return actor


def require_known(space: Space | None) -> Space:
    if space is None or space.state == Organization.State.DELETING:
        raise Refusal(404, "unknown_organization", "There is no organisation at this address.")
    return space


def require_current_schema(space: Space) -> None:
    """A schema behind the code is refused; one ahead of it is served, for code is rolled out after migrations."""
    if space.version < schema_version():
        raise Refusal(503, "upgrading", "This organisation is being upgraded. Try again in a minute.")


def require_active(space: Space) -> None:
    if space.state == Organization.State.SUSPENDED:
        raise Refusal(403, "suspended", "This organisation is suspended.", close=4403)


def require_enrolled(actor: Actor) -> None:
    """Pages have a way to make a second factor; sockets do not."""
    if actor.must_enroll:
        raise Refusal(403, second_factor.CODE, second_factor.SENTENCE, close=4401)


def require_own_origin(scope: Scope) -> None:
    """A cookie counts only with an Origin whose scheme, host and port are the request's own: pages of another
    organisation are of the same site for the browser, which sends them the cookie."""
    if header(scope, b"origin") != f"{settings.PUBLIC.scheme}://{(header(scope, b'host') or '').lower()}":
        raise Refusal(403, "foreign_origin", "A session counts only on pages of its own address.")


class ActorMiddleware:
    """Puts the door's findings on Django's request: .organization, .client_address, and who is asking by session.

    Pages also get .settings, what the organisation has decided, and show times in its zone. Whoever has to make a
    second factor first is led there from every other page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.organization = request.scope["organization"]
        request.client_address = request.scope["client_address"]
        request.actor = None
        if request.organization is not None and request.user.is_authenticated:
            request.actor = credentials.actor_of(
                request.organization,
                request.user,
                credentials.digest(request.session.session_key),
                client=request.client_address,
            )
            credentials.sessions_seen({request.session.session_key: request.client_address})
        if request.organization is None or request.path.startswith("/api/"):
            return self.get_response(request)
        request.settings = decided.now()
        with timezone.override(request.settings.time_zone):
            return self.get_response(request)

    def process_view(self, request: Any, view: object, arguments: object, named: object) -> HttpResponse | None:
        actor, page = request.actor, request.resolver_match
        if actor is None or not actor.must_enroll or page.namespaces:  # the API refuses by itself
            return None
        return None if second_factor.is_open(page.url_name or "") else redirect("mfa_index")


def host_name(scope: Scope) -> str:
    """The Host header's name: lower case, without port and final dot. Two Host headers are none."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    host = _HOST.fullmatch(hosts[0].lower()) if len(hosts) == 1 else None
    name = host[1].decode().removesuffix(".") if host else ""
    if not name:
        raise Refusal(400, "bad_host", "The Host header names no host.")
    return name


_HOST = re.compile(rb"([a-z0-9.-]{1,254})(?::[0-9]{1,5})?")


def client_address(scope: Scope) -> str:
    """Where the request comes from. Forwarded headers count only as far as configured proxies have written them."""
    peer = (scope.get("client") or ["unknown"])[0]
    if settings.PROXIES:
        # Every line of them: some proxies add their own below one that the client has made up.
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        hops = [hop.strip() for hop in ",".join(lines).split(",")]
        if len(hops) >= settings.PROXIES and hops[-settings.PROXIES]:
            return hops[-settings.PROXIES][:64]
    return str(peer)


def header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


def cookies(scope: Scope) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in (header(scope, b"cookie") or "").split(";"))
    return {name: value for name, equals, value in pairs if equals}


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    """Say no: over HTTP as a problem or a page, to a socket before the upgrade where the server can, else by code."""
    if scope["type"] == "websocket":
        return await _refuse_socket(scope, receive, send, refusal)
    wants_page = "text/html" in (header(scope, b"accept") or "") and not scope["path"].startswith("/api/")
    body = _page(refusal) if wants_page else _problem(refusal)
    kind = b"text/html; charset=utf-8" if wants_page else b"application/problem+json"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *_REFUSAL_HEADERS]
    if refusal.status == 503:
        headers.append((b"retry-after", b"30"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse_socket(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    await receive()  # websocket.connect
    if refusal.close is not None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": refusal.close, "reason": refusal.detail})
    elif "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"content-type", b"application/problem+json"), *_REFUSAL_HEADERS]
        await send({"type": "websocket.http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": _problem(refusal)})
    else:  # daphne answers 403
        await send({"type": "websocket.close"})


def _problem(refusal: Refusal) -> bytes:
    return json.dumps(
        {
            "type": "about:blank",
            "title": refusal.title,
            "status": refusal.status,
            "code": refusal.code,
            "detail": refusal.detail,
        }
    ).encode()


def _page(refusal: Refusal) -> bytes:
    from django.template.loader import render_to_string  # templates are ready only after the apps

    told = {"title": refusal.title, "sentence": refusal.detail, "public_url": settings.PUBLIC_URL}
    return render_to_string("tenants/refused.html", told).encode()


# A host that is refused serves no styles of its own: the page borrows the public site's.
_POLICY = f"default-src 'none'; style-src {settings.PUBLIC_URL}; img-src {settings.PUBLIC_URL}; frame-ancestors 'none'"
_REFUSAL_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
]
