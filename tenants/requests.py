"""A whole HTTP request is one crossing: Django's synchronous handler on a database thread, in the right schema.

Django's own ASGI handler would hop between threads for every middleware, and open a new thread, with a new database
connection, for every request.
"""

import logging
from tempfile import SpooledTemporaryFile
from typing import IO

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.signals import request_finished, request_started
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix, set_urlconf

from tenants.doors import Receive, Refusal, Scope, Send, refuse
from tenants.schema import PUBLIC, request_in

MOST_BODY = 1024 * 1024  # bytes
MOST_WAITING = 200  # requests at once per process; more are told to come back

log = logging.getLogger("conclave.requests")


class Disconnected(Exception):
    """The client has gone before its request was complete."""


class Requests(BaseHandler):
    """An ASGI application for scopes that the door has let in."""

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware()
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._waiting >= MOST_WAITING:
            return await refuse(scope, receive, send, Refusal(503, "busy", "Too many requests at once. Try again."))
        self._waiting += 1
        try:
            with SpooledTemporaryFile(max_size=64 * 1024) as body:
                await _read_body(receive, body)
                space = scope["organization"]
                schema = space.schema_name if space else PUBLIC.schema_name
                status, headers, content = await request_in(schema, self._respond, scope, body)
        except Refusal as refusal:
            return await refuse(scope, receive, send, refusal)
        except Disconnected:
            return None
        finally:
            self._waiting -= 1
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _respond(self, scope: Scope, body: IO[bytes]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        urls = settings.ROOT_URLCONF if scope["organization"] else settings.PUBLIC_SCHEMA_URLCONF
        set_script_prefix("/")
        set_urlconf(urls)
        request_started.send(sender=self.__class__, scope=scope)
        try:
            request = ASGIRequest(scope | {"scheme": settings.PUBLIC.scheme}, body)
            request.urlconf = urls
            response = self.get_response(request)
            content = b"" if scope["method"] == "HEAD" else _content(response)
            response.close()
            return response.status_code, _headers(response, content), content
        finally:
            set_urlconf(None)
            request_finished.send(sender=self.__class__)


async def _read_body(receive: Receive, body: IO[bytes]) -> None:
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MOST_BODY:
            raise Refusal(413, "too_large", f"A request may have at most {MOST_BODY} bytes.")
        body.write(chunk)
        if not message.get("more_body", False):
            body.seek(0)
            return


def _content(response: HttpResponseBase) -> bytes:
    return b"".join(response) if response.streaming else response.content  # type: ignore[attr-defined]


def _headers(response: HttpResponseBase, content: bytes) -> list[tuple[bytes, bytes]]:
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    for cookie in response.cookies.values():
        headers.append((b"set-cookie", cookie.output(header="").strip().encode("ascii")))
    if not response.has_header("Content-Length") and response.status_code not in (204, 304):
        headers.append((b"content-length", str(len(content)).encode()))
    return headers
