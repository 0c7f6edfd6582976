"""A server that speaks the wire and is wrong on purpose: what the instrument reports of it is known beforehand."""

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Delays = Callable[[int, int], list[float]]
"""After how many seconds the message of this number reaches the listener of this number, how often: [] is a loss."""


@dataclass
class Fake:
    delays: Delays = lambda number, listener: [0.0]
    swapped: frozenset[int] = frozenset()
    """Messages that are told after the next one."""
    astray: frozenset[int] = frozenset()
    """Messages that other organisations are told, too."""
    stalls_at: int = -1
    stalls_for: float = 0.0  # seconds
    refuses: frozenset[int] = frozenset()
    port: int = 0
    pongs: int = 0
    _rooms: dict[str, list[ServerConnection]] = field(default_factory=lambda: defaultdict(list))
    _history: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _held: list[tuple[str, str, int]] = field(default_factory=list)
    _posts: int = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def talk(self, socket: ServerConnection) -> None:
        host = socket.request.headers["Host"]  # type: ignore[union-attr]
        rooms = [{"room": "general", "title": "General", "seq": len(self._history[host])}]
        await socket.send(_text({"on": "welcome", "user_id": 1, "rooms": rooms}))
        with suppress(ConnectionClosed):
            async for frame in socket:
                await self._hear(host, socket, json.loads(frame))

    async def _hear(self, host: str, socket: ServerConnection, frame: dict[str, Any]) -> None:
        if frame["do"] == "join":
            missed = [json.loads(text) for text in self._history[host][frame["since"] :]]
            through = len(self._history[host])
            await socket.send(_text({"on": "replay", "room": "general", "messages": missed, "through": through}))
            await socket.send(_text({"on": "ack", "id": frame["id"]}))
            self._rooms[host].append(socket)
            await (await socket.ping())
            self.pongs += 1
            return
        number, self._posts = self._posts, self._posts + 1
        if number == self.stalls_at:
            time.sleep(self.stalls_for)
        if number in self.refuses:
            await socket.send(_text({"on": "error", "id": frame["id"], "code": "rate_limited", "detail": "No."}))
            return
        seq = len(self._history[host]) + 1
        text = _text({"on": "message", "room": "general", "seq": seq, "message": frame["message"]})
        self._history[host].append(text)
        await socket.send(_text({"on": "ack", "id": frame["id"], "seq": seq}))
        self._held.append((host, text, number))
        if number not in self.swapped:
            for held in reversed(self._held):
                self._tell(*held)
            self._held.clear()

    def _tell(self, host: str, text: str, number: int) -> None:
        loop = asyncio.get_running_loop()
        for listener, socket in enumerate(self._rooms[host]):
            for delay in self.delays(number, listener):
                loop.call_later(delay, _send, socket, text)
        if number in self.astray:
            for other in self._rooms.keys() - {host}:
                for socket in self._rooms[other]:
                    _send(socket, text)


@contextmanager
def running(fake: Fake) -> Iterator[Fake]:
    loop, ready = asyncio.new_event_loop(), threading.Event()
    stop = asyncio.Event()

    async def run() -> None:
        async with serve(fake.talk, "127.0.0.1", 0) as server:
            fake.port = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    ready.wait()
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


_sending: set[asyncio.Task[None]] = set()


def _send(socket: ServerConnection, text: str) -> None:
    async def quietly() -> None:
        with suppress(ConnectionClosed):
            await socket.send(text)

    task = asyncio.ensure_future(quietly())
    _sending.add(task)
    task.add_done_callback(_sending.discard)


def _text(frame: dict[str, Any]) -> str:
    return json.dumps(frame, separators=(",", ":"))
