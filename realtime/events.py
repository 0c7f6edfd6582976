"""publish: after the commit, encoded once, one message through the layer. Nobody else talks to the channel layer.

Telling may fail; the row may not. What the layer loses, the hub finds by its number and reads from the database.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NotRequired, TypedDict

from channels.layers import get_channel_layer
from django.db import transaction

from realtime.groups import Group
from realtime.protocol import Event, encode

MOST_PENDING = 10_000  # events on their way to the layer; a layer that hangs must not fill the memory
PATIENCE = 5.0  # seconds; after that an event counts as lost and is left to repair
AROUND = 250  # bytes of an envelope beside its text and its audience
PER_PERSON = 9  # bytes at most of each in an audience

log = logging.getLogger("conclave.events")


class Envelope(TypedDict):
    """What travels through the layer: the text as every listener will see it, and what the hub must know of it."""

    type: str
    to: str  # the group's name
    number: int  # the change's number in its stream; 0: ephemeral
    text: NotRequired[str]  # missing: too long for the layer, the hub reads it from the database
    only: NotRequired[list[int] | None]  # the people who may hear it; None: everyone in the group


def publish(event: Event, to: Group, number: int, *, only: Sequence[int] | None = None) -> None:
    """Tell everyone in `to`, once this transaction has committed. For synchronous code, on any thread. `only`: the hub
    lets it through to these people alone."""
    _after_commit(seal(event, to, number, only))


def tell(event: Event, to: Group, *, only: Sequence[int] | None = None) -> None:
    """The same for what is kept nowhere, and may be lost. `only`: the hub lets it through to these people alone."""
    _after_commit(seal(event, to, 0, only))


def _after_commit(envelope: Envelope) -> None:
    def start() -> None:  # a function, not a partial: Django names it when it fails
        _start(envelope)

    transaction.on_commit(start, robust=True)


def signal(event: Event, to: Group) -> None:
    """Tell everyone who is there right now something that is kept nowhere. For the event loop: nothing is waited for.
    May be lost."""
    _send(seal(event, to, 0))


def seal(event: Event, to: Group, number: int, only: Sequence[int] | None = None) -> Envelope:
    envelope = Envelope(type="conclave.event", to=to.name, number=number, text=encode(event))
    if only is not None:
        envelope["only"] = list(only)
    return envelope


def wire() -> Any:
    """The layer below TenantChannelLayer: for this module and the hub, whose group names come from realtime.groups."""
    return get_channel_layer("wire")


def fans_out() -> bool:
    """Has the layer the extension `fan-out` (realtime.layers.fan_out)?"""
    return "fan-out" in wire().extensions


def serve_on(loop: asyncio.AbstractEventLoop) -> None:
    """The event loop of this process on which the layer lives from now on."""
    global _loop
    _loop = loop


_loop: asyncio.AbstractEventLoop | None = None
_pending: dict[asyncio.Future[None], int] = {}  # and of how many events each is; touched on the layer's loop only
_under_way = 0  # events, of all of them
_lost = 0


def _start(envelope: Envelope) -> None:
    # The loop of a server that has ended is closed, while its last requests are still being stored.
    loop = _loop if _loop is not None and not _loop.is_closed() else _own_loop()
    loop.call_soon_threadsafe(_send, envelope)


def _send(envelope: Envelope) -> None:
    """Hand it to the layer, and see to it that it takes it in time. On the layer's loop."""
    global _lost
    if _under_way >= MOST_PENDING:
        _lost += 1
        if _lost.bit_count() == 1:  # said at 1, 2, 4, 8 … not ten thousand times
            log.warning("the channel layer is too slow: %d events left to repair", _lost)
    elif "fan-out" in (layer := wire()).extensions:
        _watch(layer.publish(envelope["to"], _short(envelope, layer.inline_bytes)))
    else:
        _watch(asyncio.get_running_loop().create_task(_group_send(envelope), name="event"))


async def _group_send(envelope: Envelope) -> None:
    async with asyncio.timeout(PATIENCE):
        await wire().group_send(envelope["to"], envelope)


def _short(envelope: Envelope, most: int | None) -> Envelope:
    """Where a long event would take a detour, what is stored is only pointed at."""
    if most is None or not envelope["number"]:
        return envelope
    audience = PER_PERSON * len(envelope.get("only") or ())
    if len(envelope["text"].encode()) + audience + AROUND < most:
        return envelope
    return Envelope(type=envelope["type"], to=envelope["to"], number=envelope["number"])


def _watch(sending: asyncio.Future[None]) -> None:
    """Events that go to the broker together are one future of the layer's."""
    global _under_way
    _under_way += 1
    known = _pending.get(sending, 0)
    _pending[sending] = known + 1
    if not known:
        sending.add_done_callback(_settle)


def _settle(sent: asyncio.Future[None]) -> None:
    global _under_way
    _under_way -= _pending.pop(sent)
    if not sent.cancelled() and (error := sent.exception()):
        log.warning("the channel layer did not take what was to be told, repair will tell it: %r", error)


@cache
def _own_loop() -> asyncio.AbstractEventLoop:
    """For processes that serve nobody (workers, commands): one loop for good, not one per call as async_to_sync."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="events", daemon=True).start()
    return loop


def flush(seconds: float = PATIENCE) -> None:
    """Wait until everything published so far is on its way, or counts as lost: before a command ends."""
    loop = _loop if _loop is not None and not _loop.is_closed() else _own_loop()
    with suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(_all_sent(), loop).result(seconds)


async def _all_sent() -> None:
    while _pending:
        await asyncio.wait(_pending)


def close() -> None:
    """The same, and let go of the layer, in a process that served nobody. Nothing is published afterwards."""
    if _own_loop.cache_info().currsize:
        flush()
        asyncio.run_coroutine_threadsafe(_let_go(), _own_loop()).result(PATIENCE)


async def _let_go() -> None:
    if close := getattr(wire(), "close", None):
        await close()
