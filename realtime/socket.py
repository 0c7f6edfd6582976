"""One open socket: what comes in is read one frame at a time, what goes out waits in a bounded queue of its own."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from channels.consumer import AsyncConsumer
from django.db import InterfaceError, OperationalError

from billing import limits
from realtime.groups import Group
from realtime.hub import hub
from realtime.protocol import MOST_FRAME, REFUSALS, Close, Error, Event, Id, Refused, encode
from tenants.actor import Actor
from tenants.problems import Problem

MOST_WAITING = 1_000_000  # characters of live frames that may wait for a slow reader; then it has to come back
PATIENCE = 30.0  # seconds for a replay to be taken

_CLOSES = {"not_found": Close.NOT_FOUND, "unknown": Close.RESTARTING}  # a socket whose opening was refused

log = logging.getLogger("conclave.socket")


class Socket(AsyncConsumer, ABC):
    """The frame around the three sockets. Subclasses say what happens when one opens and when a frame comes.

    It does without AsyncConsumer's dispatch: that costs a thread hop for every frame in either direction, and a channel
    of its own for every socket. The hub has one for all.
    """

    actor: Actor

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope, self.actor = scope, scope["actor"]
        self.space = self.actor.organization
        self.key = self.space.key
        self.groups: set[Group] = set()
        self._receive, self._send = receive, send
        self._outbox: deque[str] = deque()
        self._waiting = 0
        self._wake, self._drained = asyncio.Event(), asyncio.Event()
        self._closing: tuple[int, str] | None = None
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        await self._serve()

    async def _serve(self) -> None:
        writer = asyncio.create_task(self._write(), name="socket writer")
        reader = asyncio.create_task(self._read(), name="socket reader")
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._closing = self._closing or (Close.RESTARTING, "")
            hub.gone(self, self.groups)
            for task in (reader, writer):
                task.cancel()
            ended = await asyncio.gather(reader, writer, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    # In.

    @abstractmethod
    async def opened(self) -> None:
        """The socket is open and registered: say hello. May raise Refused: the socket is closed, and told why."""

    @abstractmethod
    async def heard(self, text: str) -> None:
        """One frame. May raise Refused: told to the client, and the socket stays open."""

    async def _read(self) -> None:
        if not await self._let_in():
            return await self._closed()
        frames, flood = limits.frames(self.key), limits.flood(self.key)
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return None
            text = message.get("text")
            if text is None:
                self.close_later(Close.BAD_DATA, "Frames must be text.")
            elif len(text) > MOST_FRAME or len(text.encode("utf-8", "replace")) > MOST_FRAME:
                self.close_later(Close.TOO_LONG, f"A frame may have at most {MOST_FRAME} bytes.")
            elif flood.take():
                self.close_later(Close.FLOODING, "Far too many frames at once.")
            elif wait := frames.take():
                self.refuse(Refused("rate_limited", retry_after=round(wait, 3)))
            else:
                await self._try(self.heard(text))

    async def _let_in(self) -> bool:
        try:
            with answering(None):
                await hub.started()
                if hub.rights.count(self.key) >= limits.sockets(self.key):
                    raise Refused("rate_limited", "Your organisation has as many open sockets as its plan allows.", 30)
                hub.rights.register(self)
                await self.opened()
        except Refused as refused:
            self.close_later(_CLOSES.get(refused.code, Close.FLOODING), refused.detail)
        return self._closing is None

    async def _try(self, work: Any) -> None:
        try:
            await work
        except Refused as refused:
            self.refuse(refused)

    # Out.

    @property
    def user_id(self) -> int:
        return self.actor.user_id

    def deliver(self, text: str) -> None:
        """A live change. A reader so slow that a million characters wait is sent away, to come back and replay."""
        if self._closing is None:
            if self._waiting > MOST_WAITING:
                return self.close_later(Close.TOO_SLOW, "Reading too slowly. Come back and replay.")
            self._put(text)

    def deliver_signal(self, text: str) -> None:
        if self._closing is None and self._waiting <= MOST_WAITING // 2:
            self._put(text)

    def tell(self, event: Event) -> None:
        """Something for this socket alone."""
        if self._closing is None:
            self._put(encode(event))

    async def tell_and_wait(self, text: str) -> None:
        """The same for what is long: returns when the client has taken it, so that pages never pile up."""
        if self._closing is None:
            self._put(text)
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._drained.wait()
            except TimeoutError:
                self.close_later(Close.TOO_SLOW, "Reading too slowly. Come back and replay.")

    def refuse(self, refused: Refused, id: Id = None) -> None:
        self.deliver(
            encode(
                Error(
                    id=refused.id if id is None else id,
                    code=refused.code,
                    detail=refused.detail,
                    retry_after=refused.retry_after,
                )
            )
        )

    def close_later(self, code: Close, reason: str) -> None:
        """Nothing more is sent but the close: what waits may be what this person must not see any more."""
        if self._closing is None:
            self._closing = (code, reason)
            self._outbox.clear()
            self._wake.set()
            self._drained.set()

    def _put(self, text: str) -> None:
        self._outbox.append(text)
        self._waiting += len(text)
        self._wake.set()
        self._drained.clear()

    async def _write(self) -> None:
        while self._closing is None:
            while self._outbox and self._closing is None:
                text = self._outbox.popleft()
                await self._send({"type": "websocket.send", "text": text})
                self._waiting -= len(text)
            self._drained.set()
            self._wake.clear()
            if not self._outbox and self._closing is None:
                await self._wake.wait()
        code, reason = self._closing
        await self._send({"type": "websocket.close", "code": int(code), "reason": reason})

    async def _closed(self) -> None:
        """Let the writer say goodbye."""
        await asyncio.Event().wait()

    # Asked by the hub.

    def become(self, actor: Actor) -> None:
        self.actor = actor

    async def recheck(self, address: str) -> None:
        """Only sockets that hear rooms have something to look at."""

    def query(self, name: str) -> str | None:
        """A parameter of the address's query."""
        values = parse_qs(self.scope.get("query_string", b"").decode("latin-1")).get(name)
        return values[-1] if values else None


@contextmanager
def answering(id: Id) -> Iterator[None]:
    """Whatever is refused inside is refused as the answer to the command `id`; a Problem, as sockets say it. A
    connection to the database that was lost on the way leaves open whether it has happened."""
    try:
        yield
    except Refused as refused:
        refused.id = id
        raise
    except Problem as problem:
        code = problem.code if problem.code in REFUSALS else "forbidden"
        told = Refused(code, problem.detail, problem.retry_after)
        told.id = id
        raise told from problem
    except (OperationalError, InterfaceError) as error:
        unknown = Refused("unknown", retry_after=1.0)
        unknown.id = id
        raise unknown from error


def number_of(text: str | None) -> int | None:
    """`?since=n`; anything that is no number refuses the socket."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Refused("not_found", "`since` must be a whole number.")
    return int(text)
