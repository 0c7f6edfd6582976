"""This process's one line to the channel layer: one subscription per group, looked after.

Where a layer has the extension `fan-out`, events come to a function; elsewhere through one channel for all groups.

Layers go deaf in different ways: some raise, some reconnect and say nothing, some never come back. So the line calls
itself every few seconds; what it does not hear, nobody here would have heard.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from realtime import events
from realtime.events import PATIENCE, Envelope
from realtime.nursery import Nursery

CALL = "conclave.call"
CALL_EVERY = 5.0  # seconds
SUBSCRIBE_AGAIN = 12 * 3600.0  # seconds; memberships of channels-redis expire after a day
AT_ONCE = 50  # subscriptions on their way

log = logging.getLogger("conclave.line")


class Line:
    def __init__(self, hear: Callable[[Envelope], None], missed: Callable[[], None]) -> None:
        """`hear` gets each event; `missed` is called when something may have been lost."""
        self._hear, self._missed = hear, missed
        self._channel = ""
        self._open = asyncio.Event()
        self._subscribed: dict[str, float] = {}  # when each was last told to the layer
        self._heard_call = False
        self.is_well = True

    async def start(self, nursery: Nursery) -> None:
        if on_gap := getattr(events.wire(), "on_gap", None):
            on_gap(lambda *_: self._missed())
        nursery.start(self._receive(), "line receive")
        nursery.start(self._call(), "line call")
        with suppress(TimeoutError):  # with the broker away we serve all the same
            async with asyncio.timeout(PATIENCE):
                await self._open.wait()

    def hears(self, name: str) -> bool:
        return name in self._subscribed

    async def subscribe(self, name: str) -> None:
        """With a layer that is away nothing is lost but time: the audit brings what is said until it is back."""
        self._subscribed.setdefault(name, float("-inf"))
        try:
            async with asyncio.timeout(PATIENCE):  # wait_for would swallow that the socket has closed meanwhile
                await self._add(name)
            self._subscribed[name] = _now()
        except asyncio.CancelledError:  # whoever wanted it has gone; the next one must not take it for done
            if self._subscribed.get(name) == float("-inf"):
                del self._subscribed[name]
            raise
        except Exception as error:
            self._is_away("cannot subscribe", error)

    async def unsubscribe(self, name: str) -> None:
        if self._subscribed.pop(name, None) is not None:
            with suppress(Exception):  # a layer that is away has forgotten us already, or will
                async with asyncio.timeout(PATIENCE):
                    await self._discard(name)

    async def _add(self, name: str) -> None:
        if events.fans_out():
            await events.wire().attach(name, self._hear)
        else:
            await events.wire().group_add(name, self._channel)

    async def _discard(self, name: str) -> None:
        if events.fans_out():
            await events.wire().detach(name)
        else:
            await events.wire().group_discard(name, self._channel)

    async def _subscribe_all(self, names: Iterable[str]) -> None:
        waiting = list(names)
        for start in range(0, len(waiting), AT_ONCE):
            await asyncio.gather(*map(self.subscribe, waiting[start : start + AT_ONCE]))

    async def _receive(self) -> None:
        while True:
            try:
                self._channel = await events.wire().new_channel()
                self._open.set()
                await self._subscribe_all(self._subscribed)
                self._missed()
                while True:
                    self._take(await events.wire().receive(self._channel))
            except Exception as error:
                self._is_away("cannot hear", error)
                await asyncio.sleep(1)

    def _take(self, message: Any) -> None:
        if message["type"] == CALL:
            self._heard_call = True
        else:
            self._hear(message)

    async def _call(self) -> None:
        await self._open.wait()
        while True:
            self._heard_call = False
            try:
                async with asyncio.timeout(PATIENCE):
                    await events.wire().send(self._channel, {"type": CALL})
            except Exception as error:
                self._is_away("cannot call", error)
            await asyncio.sleep(CALL_EVERY)
            await self._answer()

    async def _answer(self) -> None:
        was_well, self.is_well = self.is_well, self._heard_call
        if not self._heard_call:
            self._is_away("hears nothing", None)
        elif not was_well:
            log.warning("the channel layer is back")
            await self._subscribe_all(self._subscribed)
        else:
            old = _now() - SUBSCRIBE_AGAIN
            await self._subscribe_all([name for name, since in self._subscribed.items() if since < old])
        if not (was_well and self.is_well):
            self._missed()

    def _is_away(self, what: str, error: Exception | None) -> None:
        if self.is_well:
            log.warning("the channel layer is away, delivery is by repair: %s%s", what, f": {error!r}" if error else "")
        self.is_well = False


def _now() -> float:
    return asyncio.get_running_loop().time()
