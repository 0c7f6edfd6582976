"""A channel layer over publish and subscribe of Redis or Valkey: one subscription per group and process."""

import asyncio
import logging
import re
import secrets
from collections import Counter, deque
from functools import lru_cache, partial
from typing import Any

from realtime.layers.broker import Broker
from realtime.layers.fan_out import FanOutChannelLayer
from realtime.layers.letters import Address, Kind
from realtime.layers.mailboxes import Mailboxes
from realtime.layers.resp import Connection
from realtime.layers.retrying import PATIENCE, SILENCE, before_attempt

logger = logging.getLogger(__name__)

# Events that wait for a connection; more are lost.
MOST_WAITING = 10_000


class RedisChannelLayer(FanOutChannelLayer):
    """Every event loop holds one connection. Needs Redis 6 or Valkey, and remembers nothing there."""

    def __init__(self, url: str, prefix: str = "conclave", **options: Any) -> None:
        super().__init__(**options)
        self._url, self._prefix = url, prefix

    def connected(self, mailboxes: Mailboxes) -> Broker:
        return RedisBroker(self._url, self._prefix, mailboxes)


class RedisBroker(Broker):
    def __init__(self, url: str, prefix: str, mailboxes: Mailboxes) -> None:
        super().__init__(mailboxes)
        self._url, self._prefix = url, prefix
        self._sender = secrets.token_hex(8).encode()  # of this loop's letters: to it they come back as an echo
        self._reasons: Counter[bytes] = Counter()  # to be subscribed, by name
        self._waiting: deque[tuple[bytes, bytes, asyncio.Future[None]]] = deque()
        self._connection: Connection | None = None
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._attempts = 0

    async def hear(self, to: Address) -> None:
        """Redis tells in the order in which things happened: its answer comes after all that was published before."""
        self._start()
        name = self._name(to)
        self._reasons[name] += 1
        try:
            async with asyncio.timeout(PATIENCE):
                await self._connected.wait()
                assert self._connection is not None
                self._connection.subscription("SUBSCRIBE", name)
                await self._connection.command("PING")
        except TimeoutError:
            self.ignore(to)
            raise ConnectionError("The channel layer cannot reach Redis: check its address.") from None
        except BaseException:
            self.ignore(to)
            raise

    def ignore(self, to: Address) -> None:
        name = self._name(to)
        self._reasons[name] -= 1
        if self._reasons[name] <= 0:
            del self._reasons[name]
            if self._connection is not None:
                self._connection.subscription("UNSUBSCRIBE", name)

    def publish(self, to: Address, body: bytes, *, at_once: bool = True) -> asyncio.Future[None]:
        name, letter = self._name(to), b"%b %b%b %b" % (self._sender, to.kind.encode(), to.name.encode(), body)
        if self._connection is not None:
            send = self._connection.command if at_once else self._connection.command_later
            return send("PUBLISH", name, letter)
        self._start()
        published: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((name, letter, published))
        else:
            published.set_exception(ConnectionError("Too many events wait for a connection to Redis."))
        return published

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _name(self, to: Address) -> bytes:
        return _name(self._prefix, to)

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._stay_connected(), name="conclave layer: Redis")

    async def _stay_connected(self) -> None:
        try:
            while True:
                try:
                    await self._connect_and_listen()
                except Exception as error:  # Whatever it was: a process that gives up is deaf without knowing it.
                    logger.warning("The channel layer hears nothing until it has reconnected: %s", error)
                    self._fail_waiting(error)
                self._attempts += 1
                await asyncio.sleep(before_attempt(self._attempts))
        finally:
            self._fail_waiting("it was closed before this was published")

    async def _connect_and_listen(self) -> None:
        connection = await Connection.to(self._url, self._hear)
        try:
            connection.subscription("SUBSCRIBE", *self._reasons)
            await connection.command("PING")
            again = self._attempts > 0
            self._attempts, self._connection = 0, connection
            self._connected.set()
            self._send_waiting(connection)
            if again:
                self.tell_gap()
            while True:
                arrived = await connection.anything_within(SILENCE)
                self.mailboxes.forget_abandoned()
                if not arrived:
                    async with asyncio.timeout(PATIENCE):
                        await connection.command("PING")
        finally:
            self._connection = None
            self._connected.clear()
            connection.close()

    def _send_waiting(self, connection: Connection) -> None:
        while self._waiting:
            name, letter, published = self._waiting.popleft()
            connection.command("PUBLISH", name, letter).add_done_callback(partial(_settle, published))

    def _fail_waiting(self, why: object) -> None:
        while self._waiting:
            _, _, published = self._waiting.popleft()
            if not published.done():
                published.set_exception(ConnectionError(f"The channel layer cannot reach Redis: {why}"))

    def _hear(self, pushed: list[Any]) -> None:
        if pushed[0] != b"message":
            return
        try:
            sender, name, body = pushed[2].split(b" ", 2)
            if sender == self._sender and not self.mailboxes.wants_echoes(name[:1].decode()):
                return  # most of what comes where one process serves alone
            to = Address(Kind(name[:1].decode()), name[1:].decode())
        except ValueError:
            logger.warning("The channel layer ignores what is not its own: %.80r", pushed[2])
            return
        is_echo = sender == self._sender
        if self.mailboxes.wanted(to, is_echo=is_echo):
            self.mailboxes.deliver(to, body, is_echo=is_echo)


@lru_cache(10_000)
def _name(prefix: str, to: Address) -> bytes:
    """What stands between the first two dots is the hash tag: all that is one organisation's stays on one shard."""
    tag = _TAG.match(to.name)
    return f"{prefix}:{{{tag[1] if tag else ''}}}:{to.topic}".encode()


_TAG = re.compile(r"[^.]*\.([^.!]+)", re.ASCII)


def _settle(published: asyncio.Future[None], sent: asyncio.Future[Any]) -> None:
    error = sent.exception()
    if published.done():
        return
    if error is not None:
        published.set_exception(error)
    else:
        published.set_result(None)
