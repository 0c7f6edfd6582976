"""The way out to one socket: straight to the server's transport where the server offers it, else through ASGI.

A server of ours puts a `Handle` into the ASGI scope, as `scope["extensions"][EXTENSION]["handle"]`. Frames are written
to it as they are, at once and without waiting; it tells its owner when the reader does not keep up.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Protocol

from realtime.frames import Batch

EXTENSION = "conclave.wire"

# Characters that may wait where a server makes us wait; then the reader is behind.
MOST_WAITING = 64 * 1024

log = logging.getLogger("conclave.wires")

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Owner(Protocol):
    """Whoever lives at this end of a socket. Called on the event loop; must not block and must not raise."""

    def take(self, text: str) -> bool:
        """A frame has come. True: it is dealt with; False: hand it to the application through ASGI's `receive`."""

    def clogged(self) -> None:
        """The way is another from now on: something waits to be read, and nothing may overtake it."""

    def behind(self) -> None:
        """More waits to be read than should."""

    def drained(self) -> None:
        """The reader has caught up, and the way is free."""

    def farewell(self, retry_after: float) -> None:
        """The server is stopping: close this socket when what is under way is done."""

    def over(self) -> None:
        """Nothing that is written from now on arrives."""


class Handle(Protocol):
    """What a server offers."""

    owner: Owner | None

    descriptor: int
    """The socket, where frames may be written to past the server. -1: something waits to be written, or the server does
    more than write them. It ends with the owner's being `over`, and changes with `clogged` and `drained`."""

    def is_gone(self) -> bool:
        """Has the client gone? Asked once: later the owner is told."""

    def write(self, data: bytes) -> None:
        """Frames, framed by us. After all that was written before."""

    def unsent(self) -> int:
        """Bytes that wait for the reader."""

    def close_with(self, code: int, reason: str) -> None:
        """A close frame, after all that was written before."""


class Wire(Protocol):
    """Accepts the socket with the first thing that is written, unless `accept` has come before."""

    @property
    def straight(self) -> Callable[[bytes], None] | None:
        """For a socket that is accepted: takes frames as they go over the wire, if the server does. As long as the way
        is the same."""

    @property
    def descriptor(self) -> int:
        """The same as a socket, to be written to with nothing in between; -1: there is none."""

    def accept(self) -> None: ...
    def write(self, batch: Batch) -> None: ...
    def unsent(self) -> int: ...
    def close(self, code: int, reason: str) -> None: ...


def wire_of(scope: Any, send: Send, owner: Owner) -> Wire:
    offered = scope.get("extensions", {}).get(EXTENSION)
    if offered is None:
        return AsgiWire(send, owner)
    handle: Handle = offered["handle"]
    handle.owner = owner
    if handle.is_gone():
        owner.over()
    return DirectWire(handle, AsgiWire(send, owner))


class DirectWire:
    def __init__(self, handle: Handle, asgi: "AsgiWire") -> None:
        self._handle, self._asgi = handle, asgi
        self.unsent = handle.unsent

    @property
    def straight(self) -> Callable[[bytes], None]:
        return self._handle.write

    @property
    def descriptor(self) -> int:
        return self._handle.descriptor

    def accept(self) -> None:
        self._asgi.accept()

    def write(self, batch: Batch) -> None:
        if not self._asgi.is_accepted:
            self.accept()
            if self._asgi.is_over:
                return
        self._handle.write(batch.wire)

    def close(self, code: int, reason: str) -> None:
        self.accept()
        self._handle.close_with(code, reason)


class AsgiWire:
    """Through ASGI's `send`, without a queue or a task as long as the server takes what it is given at once, as daphne
    does."""

    def __init__(self, send: Send, owner: Owner) -> None:
        self._send, self._owner = send, owner
        self._waiting: deque[dict[str, Any]] = deque()
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._is_behind = self.is_over = False
        self.is_accepted = False
        self.straight, self.descriptor = None, -1

    def accept(self) -> None:
        if not self.is_accepted:
            self.is_accepted = True
            self._put({"type": "websocket.accept"})

    def write(self, batch: Batch) -> None:
        self.accept()
        for frame in batch.frames:
            self._put(frame.message)

    def unsent(self) -> int:
        return self._size

    def close(self, code: int, reason: str) -> None:
        self.accept()
        self._put({"type": "websocket.close", "code": code, "reason": reason})

    def _put(self, message: dict[str, Any]) -> None:
        if self.is_over:
            return
        if self._task is not None:
            self._waiting.append(message)
            self._size += _size(message)
            if self._size > MOST_WAITING and not self._is_behind:
                self._is_behind = True
                self._owner.behind()
            return
        sending = self._send(message).__await__()
        try:
            waits_for = next(sending)
        except StopIteration:
            return
        except Exception as error:
            self._end(error)
            return
        self._task = asyncio.get_running_loop().create_task(self._go_on(_Rest(sending, waits_for)), name="wire")

    async def _go_on(self, sending: Awaitable[None]) -> None:
        try:
            await sending
            while self._waiting:
                message = self._waiting.popleft()
                await self._send(message)
                self._size -= _size(message)
        except Exception as error:
            self._end(error)
        finally:
            self._task = None
        if self._is_behind and not self.is_over:
            self._is_behind = False
            self._owner.drained()

    def _end(self, error: Exception) -> None:
        """The server no longer takes anything, which is how it says that the client has gone."""
        log.debug("a socket takes nothing more: %r", error)
        self.is_over = True
        self._waiting.clear()
        self._owner.over()


class _Rest:
    """What is left of something awaited that has been begun, and waits for a future."""

    def __init__(self, begun: Generator[Any, None, None], waits_for: Any) -> None:
        self._begun, self._waits_for = begun, waits_for

    def __await__(self) -> Generator[Any, None, None]:
        yield self._waits_for
        yield from self._begun


def _size(message: dict[str, Any]) -> int:
    return len(message.get("text", ""))
