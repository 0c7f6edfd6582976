"""/livez and /readyz: one word each, on any host name. For whatever watches the process."""

import asyncio
from typing import Any

from django.db import connection

from realtime.hub import hub
from tenants.schema import control_in_public

PATIENCE = 5.0

_is_draining = False


def drain_begins() -> None:
    """From now on this process is not ready: it is about to stop."""
    global _is_draining
    _is_draining = True


async def health(scope: Any, receive: Any, send: Any) -> None:
    status, word = (200, b"ok") if scope["path"] == "/livez" else await _readiness()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(word)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": word})


async def _readiness() -> tuple[int, bytes]:
    """`degraded`: posts are stored, and delivered by repair. Not ready: about to stop, or they cannot be."""
    if _is_draining:
        return 503, b"draining"
    try:
        await asyncio.wait_for(hub.started(), PATIENCE)
        await asyncio.wait_for(control_in_public(_can_write), PATIENCE)
    except Exception:
        return 503, b"unavailable"
    return 200, b"ok" if hub.layer_is_well else b"degraded"


def _can_write() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        if cursor.fetchone() != (False,):
            raise RuntimeError("the database takes no writes")
