"""One connection to Redis or Valkey, spoken to in RESP3: replies in the order of commands, and what is pushed between.

Its own, for it is the way of every event: hiredis parses, and nothing else stands between the socket and the layer. The
address is understood by redis-py.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import hiredis
from redis.asyncio.connection import SSLConnection, parse_url

from realtime.layers.pacing import Pace
from realtime.layers.retrying import PATIENCE

logger = logging.getLogger(__name__)

Reply = asyncio.Future[Any]

# Bytes that may wait for a broker that reads slowly; then publishing fails rather than fill the memory.
MOST_UNSENT = 8 << 20


class Connection(asyncio.Protocol):
    def __init__(self, pushed: Callable[[list[Any]], None]) -> None:
        self._pushed = pushed
        self._reader = hiredis.Reader()
        self._replies: deque[Reply] = deque()
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []  # one write for all
        self._pace = Pace(self._write_out)
        self._together: Reply | None = None
        self._arrived = False
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def to(cls, url: str, pushed: Callable[[list[Any]], None]) -> Self:
        """Raises ConnectionError, OSError or TimeoutError."""
        options, loop = dict[str, Any](parse_url(url)), asyncio.get_running_loop()
        connection = cls(pushed)
        async with asyncio.timeout(PATIENCE):
            if path := options.get("path"):
                await loop.create_unix_connection(lambda: connection, path)
            else:
                host, port = options.get("host", "localhost"), options.get("port", 6379)
                tls = ssl.create_default_context() if options.get("connection_class") is SSLConnection else None
                await loop.create_connection(lambda: connection, host, port, ssl=tls)
            try:
                await connection.command(*_greeting(options))
            except BaseException:
                connection.close()
                raise
        return connection

    def command(self, *parts: str | bytes) -> Reply:
        """Sends it, with all else of this turn of the loop. The reply, or a ConnectionError, comes to the future."""
        self._together = None  # what comes later goes after it
        return self._ask(self._loop.create_future(), parts, at_once=True)

    def command_later(self, *parts: str | bytes) -> Reply:
        """Sends it when the rest is over (layers/pacing.py). The future is that of all that goes with it: the last
        reply comes to it, or a ConnectionError."""
        if self._together is None or self._together.done():
            self._together = self._loop.create_future()
        return self._ask(self._together, parts, at_once=False)

    def _ask(self, reply: Reply, parts: Sequence[str | bytes], *, at_once: bool) -> Reply:
        if self._transport is None or self.lost.done():
            reply.set_exception(ConnectionError("The connection to Redis is lost."))
        elif self._transport.get_write_buffer_size() > MOST_UNSENT:
            reply.set_exception(ConnectionError("Redis takes events too slowly."))
        else:
            self._replies.append(reply)
            self._write(_packed(*parts), at_once=at_once)
        return reply

    def subscription(self, verb: str, *names: bytes) -> None:
        """SUBSCRIBE or UNSUBSCRIBE, which are answered by what is pushed. A refusal ends the connection."""
        if names and self._transport is not None and not self.lost.done():
            self._write(_packed(verb, *names), at_once=True)

    async def anything_within(self, seconds: float) -> bool:
        """Whether something has arrived in so many seconds. Raises ConnectionError when the connection is lost."""
        self._arrived = False
        await asyncio.wait([self.lost], timeout=seconds)
        if self.lost.done():
            raise ConnectionError("The connection to Redis is lost.")
        return self._arrived

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _write(self, packed: bytes, *, at_once: bool) -> None:
        self._outgoing.append(packed)
        self._pace.due(at_once=at_once)

    def _write_out(self) -> None:
        outgoing, self._outgoing, self._together = self._outgoing, [], None
        if self._transport is not None and not self.lost.done():
            self._transport.write(b"".join(outgoing))

    # Of asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._arrived = True
        self._reader.feed(data)
        while (found := self._reader.gets()) is not False:
            if isinstance(found, hiredis.PushNotification):
                self._pushed(found)
                continue
            if isinstance(found, hiredis.ReplyError):  # perhaps of a subscription, so nobody knows whose answer it is
                logger.warning("Redis refuses, and is connected to anew: %s", found)
                self.close()
                return
            reply = self._replies.popleft()
            is_last = not self._replies or self._replies[0] is not reply
            if is_last and not reply.done():  # else whoever asked has gone
                reply.set_result(found)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        for reply in self._replies:
            if not reply.done():
                reply.set_exception(ConnectionError("The connection to Redis was lost before its answer."))
        self._replies.clear()


def _packed(*parts: str | bytes) -> bytes:
    return bytes(hiredis.pack_command(parts))  # type: ignore[arg-type]  # its stub means one part


def _greeting(options: dict[str, Any]) -> list[str]:
    greeting = ["HELLO", "3"]
    if password := options.get("password"):
        greeting += ["AUTH", options.get("username") or "default", password]
    return [*greeting, "SETNAME", "conclave-layer"]
