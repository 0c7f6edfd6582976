"""publish: after the commit, encoded once, one message through the layer. Nobody else talks to the channel layer.

Telling may fail; the row may not. What the layer loses, the hub finds by its number and reads from the database.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent import futures
from functools import cache
from typing import Any, NotRequired, TypedDict

from channels.layers import get_channel_layer
from django.db import transaction

from realtime.groups import Group
from realtime.protocol import Event, encode

MOST_PENDING = 10_000  # events on their way to the layer; a layer that hangs must not fill the memory
PATIENCE = 5.0  # seconds; after that an event counts as lost and is left to repair

log = logging.getLogger("conclave.events")


class Envelope(TypedDict):
    """What travels through the layer: the text as every listener will see it, and what the hub must know of it."""

    type: str
    to: str  # the group's name
    number: int  # the change's number in its stream; 0: ephemeral
    text: str
    only: NotRequired[list[int] | None]  # of an ephemeral one: the people who may hear it; None: everyone in the group


def publish(event: Event, to: Group, number: int) -> None:
    """Tell everyone in `to`, once this transaction has committed. For synchronous code, on any thread."""
    _after_commit(seal(event, to, number))


def tell(event: Event, to: Group, *, only: Sequence[int] | None = None) -> None:
    """The same for what is kept nowhere, and may be lost. `only`: the hub lets it through to these people alone."""
    _after_commit(seal(event, to, 0, only))


def _after_commit(envelope: Envelope) -> None:
    def start() -> None:  # a function, not a partial: Django names it when it fails
        _start(envelope)

    transaction.on_commit(start, robust=True)


async def signal(event: Event, to: Group) -> None:
    """Tell everyone who is there right now something that is kept nowhere. May be lost."""
    await _send(seal(event, to, 0))


def seal(event: Event, to: Group, number: int, only: Sequence[int] | None = None) -> Envelope:
    audience = None if only is None else list(only)
    return Envelope(type="conclave.event", to=to.name, number=number, text=encode(event), only=audience)


def wire() -> Any:
    """The layer below TenantChannelLayer: for this module and the hub, whose group names come from realtime.groups."""
    return get_channel_layer("wire")


def serve_on(loop: asyncio.AbstractEventLoop) -> None:
    """The event loop of this process on which the layer lives from now on."""
    global _loop
    _loop = loop


_loop: asyncio.AbstractEventLoop | None = None
_pending: set[Any] = set()
_lost = 0


def _start(envelope: Envelope) -> None:
    global _lost
    if len(_pending) >= MOST_PENDING:
        _lost += 1
        if _lost.bit_count() == 1:  # said at 1, 2, 4, 8 … not ten thousand times
            log.warning("the channel layer is too slow: %d events left to repair", _lost)
        return
    # The loop of a server that has ended is closed, while its last requests are still being stored.
    loop = _loop if _loop is not None and not _loop.is_closed() else _own_loop()
    future = asyncio.run_coroutine_threadsafe(_send(envelope), loop)
    _pending.add(future)
    future.add_done_callback(_pending.discard)


async def _send(envelope: Envelope) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await wire().group_send(envelope["to"], envelope)
    except Exception as error:
        log.warning("the channel layer did not take an event, repair will tell it: %r", error)


@cache
def _own_loop() -> asyncio.AbstractEventLoop:
    """For processes that serve nobody (workers, commands): one loop for good, not one per call as async_to_sync."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="events", daemon=True).start()
    return loop


def flush(seconds: float = PATIENCE) -> None:
    """Wait until everything published so far is on its way, or counts as lost: before a command ends."""
    futures.wait(list(_pending), timeout=seconds)


def close() -> None:
    """The same, and let go of the layer, in a process that served nobody. Nothing is published afterwards."""
    flush()
    if _own_loop.cache_info().currsize:
        asyncio.run_coroutine_threadsafe(_let_go(), _own_loop()).result(PATIENCE)


async def _let_go() -> None:
    if close := getattr(wire(), "close", None):
        await close()
