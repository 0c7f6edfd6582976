"""A lean WebSocket client: one epoll for all sockets of the process, no greenlet, no queue and no parsing per socket.

What has been read is stamped right after the read. All that is there is read before any of it is looked at, and what
has come meanwhile every millisecond: a crowd's news makes nobody else's look late, nor holds up what is to be said.
Under gevent the loop waits as a greenlet, elsewhere as a thread; sockets are opened by whoever wants one, and that
greenlet or thread waits for the handshake.
"""

import base64
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.frames import CLOSE, PING, PONG, TEXT, Broken, Reader, framed

CONNECTING_TAKES_AT_MOST = 30.0  # seconds
AT_ONCE = 65536  # bytes of one read
LOOKS_FOR = 0.001  # seconds at what has been read, before it reads again and others have their turn
WRITABLE, READABLE = select.EPOLLOUT, select.EPOLLIN  # type: ignore[attr-defined, unused-ignore]

Hear = Callable[[bytes, int], None]
"""A text, and when it had been read: time.monotonic_ns()."""
Gone = Callable[[int, str], None]
"""The close code (1006: none came) and the reason."""


class Refused(Exception):
    """The handshake was answered with this HTTP status; 0: not at all."""

    def __init__(self, status: int) -> None:
        super().__init__(f"handshake refused with {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Connects to the server's address and names the host, so that no name has to resolve."""

    host: str
    port: int
    named: str  # the Host header

    @classmethod
    def of(cls, url: str, named: str = "") -> "Address":
        parts = urlsplit(url)
        host = parts.hostname or "localhost"
        loopback = host == "localhost" or host.endswith(".localhost")
        return cls("127.0.0.1" if loopback else host, parts.port or 80, named or parts.netloc)


class Socket:
    __slots__ = ("_epoll", "_fd", "_gone", "_hear", "_reader", "_socket", "_unsent", "reading")

    def __init__(self, opened: socket.socket, rest: bytes, hear: Hear, gone: Gone, epoll: Any) -> None:
        self._socket, self._fd, self._epoll = opened, opened.fileno(), epoll
        self._hear, self._gone = hear, gone
        self._reader = Reader(rest)
        self._unsent = b""
        self.reading = True

    @property
    def is_open(self) -> bool:
        return self._fd >= 0

    def say(self, text: str) -> None:
        """Returns at once: what the server does not take now is sent when it does. Nothing, if it is closed."""
        self._write(framed(text.encode()))

    def stop_reading(self) -> None:
        """As a client does whose network has gone: the server may write until its buffers are full."""
        self.reading = False
        self._watch()

    def close(self) -> None:
        if self.is_open:
            self._write(framed((1000).to_bytes(2, "big"), CLOSE))
            self._end()

    def drop(self) -> None:
        """Away without a word."""
        self._end()

    def read(self, events: int) -> tuple[bytes, int] | None:
        """What has come, and when it had been read. What waits to be said is said first."""
        if events & WRITABLE:
            self._flush()
            self._watch()
        if not events & ~WRITABLE or not self.is_open:
            return None
        try:
            data = os.read(self._fd, AT_ONCE)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        return data, time.monotonic_ns()

    def take(self, data: bytes, now: int) -> None:
        """Nothing: it has ended."""
        if not data:
            self._lost(1006, "")
            return
        try:
            for opcode, payload in self._reader.read(data):
                if opcode == TEXT:
                    self._hear(payload, now)
                elif opcode == PING:
                    self._write(framed(payload, PONG))
                elif opcode == CLOSE:
                    code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                    self._write(framed(payload[:2], CLOSE))
                    self._lost(code, payload[2:].decode(errors="replace"))
                    return
        except Broken as broken:
            self._lost(1002, str(broken))

    def _write(self, data: bytes) -> None:
        if not self.is_open:
            return
        if self._unsent:
            self._unsent += data
            return
        self._unsent = data
        self._flush()
        if self._unsent:
            self._watch()

    def _flush(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._lost(1006, "")
            return
        self._unsent = self._unsent[sent:]

    def _watch(self) -> None:
        if self.is_open:
            wanted = (READABLE if self.reading else 0) | (WRITABLE if self._unsent else 0)
            with suppress(OSError, ValueError):  # closed just now, by another thread than the one that reads
                self._epoll.modify(self._fd, wanted)

    def _lost(self, code: int, reason: str) -> None:
        if self.is_open:
            self._end()
            self._gone(code, reason)

    def _end(self) -> None:
        if self.is_open:
            fd, self._fd = self._fd, -1
            self._epoll.unregister(fd)
            self._socket.close()


class Ears:
    """All sockets of the process."""

    def __init__(
        self,
        epoll: Any = None,
        wait: Callable[[int], object] | None = None,
        give_way: Callable[[], object] = lambda: None,
    ) -> None:
        """`wait` and `give_way` are gevent's, for a greenlet; without, `run` blocks its thread."""
        self._epoll = epoll or select.epoll()
        self._wait, self._give_way = wait, give_way
        self._sockets: dict[int, Socket] = {}
        self._read: deque[tuple[int, Socket, bytes, int]] = deque()  # and not looked at yet
        self._running = True

    def open(self, address: Address, path: str, token: str, hear: Hear, gone: Gone) -> Socket:
        """Raises Refused."""
        opened = None
        try:
            opened = socket.create_connection((address.host, address.port), CONNECTING_TAKES_AT_MOST)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.sendall(_handshake(address, path, token))
            rest = _answered(opened)
            opened.settimeout(0)
        except OSError as error:
            if opened:
                opened.close()
            raise Refused(0) from error
        except Refused:
            if opened:
                opened.close()
            raise
        now, ours = time.monotonic_ns(), Socket(opened, b"", hear, gone, self._epoll)
        self._sockets[opened.fileno()] = ours
        self._epoll.register(opened.fileno(), READABLE)
        if rest:
            ours.take(rest, now)
        return ours

    def run(self) -> None:
        while self._running:
            if self._read:
                self._give_way()
            elif self._wait:
                self._wait(self._epoll.fileno())
            self.turn(0 if self._wait else 0.05)

    def turn(self, patience: float) -> None:
        """Whatever has come, or comes within so many seconds; what is too much for one turn is left to the next."""
        for fd, events in self._epoll.poll(0 if self._read else patience):
            ours = self._sockets[fd]
            if (read := ours.read(events)) is not None:
                self._read.append((fd, ours, *read))
            self._forget_if_ended(fd, ours)
        enough = time.monotonic() + LOOKS_FOR
        while self._read:
            fd, ours, data, now = self._read.popleft()
            if ours.is_open:
                ours.take(data, now)
            self._forget_if_ended(fd, ours)
            if time.monotonic() > enough:
                break

    def _forget_if_ended(self, fd: int, ours: Socket) -> None:
        if not ours.is_open and self._sockets.get(fd) is ours:
            del self._sockets[fd]

    def stop(self) -> None:
        self._running = False


def _handshake(address: Address, path: str, token: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {address.named}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def _answered(opened: socket.socket) -> bytes:
    """What has come after the head of the answer."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        more = opened.recv(AT_ONCE)
        if not more:
            raise Refused(0)
        answer += more
    head, _, rest = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1]
    if status != b"101":
        raise Refused(int(status))
    return rest
