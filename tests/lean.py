"""A lean client for many sockets: it parses what a server of ours sends, counts numbers, and can stop reading.

The library behind tests/clients.py checks everything, and would hear more slowly than two server processes tell.
"""

import asyncio
import base64
import json
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tests.cast import Member, Org
from tests.running import Site

PATIENCE = 90.0  # seconds: for a machine with other things to do
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
SMALL = 4096  # bytes that the kernel may keep for who stops reading, about

Frame = dict[str, Any]


class Lean(asyncio.Protocol):
    """One open socket. `numbers`: of each room's changes, in the order heard, live or replayed."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, list[int]] = defaultdict(list)
        self.others: list[Frame] = []  # all that is neither a message nor an answer
        self.on_frame: Callable[[Frame], None] = lambda frame: None
        self.closed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport
        self.lost = asyncio.Event()
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._bytes = bytearray()
        self._answers: dict[int, asyncio.Future[Frame]] = {}
        self._ids = 0
        self._news = asyncio.Event()

    @property
    def port(self) -> int:
        """Its own end's."""
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def next_id(self) -> int:
        """Of the command that it asks next."""
        return self._ids + 1

    # What it does.

    def says(self, frame: Mapping[str, Any]) -> None:
        self._write(TEXT, json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode())

    def sends(self, data: bytes) -> None:
        self._transport.write(data)

    async def asks(self, do: str, **fields: Any) -> Frame:
        """A command, and its reply: ack or error. Fails with ConnectionError when the socket ends before."""
        self._ids += 1
        answer = self._answers[self._ids] = asyncio.get_running_loop().create_future()
        if self.closed.done():
            raise ConnectionError(f"closed with {self.closed.result()}")
        self.says({"do": do, "id": self._ids} | fields)
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def hears(self, is_so: Callable[[], bool]) -> None:
        """Returns when it has heard what makes this true; fails when the socket ends or nothing of the kind comes."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not is_so():
                    if self.closed.done():
                        raise ConnectionError(f"closed with {self.closed.result()}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            at = {room: (len(heard), heard[-1]) for room, heard in self.numbers.items() if heard}
            raise AssertionError(f"this never came; heard so far, how many and the last: {at}") from None

    async def hears_up_to(self, room: str, number: int) -> None:
        await self.hears(lambda: self.at(room) >= number)

    def at(self, room: str) -> int:
        """The highest number heard of it: a safe `since`."""
        return max(self.numbers[room][-1:], default=0)

    def stops_reading(self) -> None:
        self._transport.pause_reading()

    def reads_again(self) -> None:
        self._transport.resume_reading()

    def cut(self) -> None:
        self._transport.abort()

    # What comes.

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self.upgraded.done():
            head, end, rest = bytes(self._bytes).partition(b"\r\n\r\n")
            if not end:
                return
            self._bytes[:] = rest
            if b" 101 " not in head.splitlines()[0]:
                self.upgraded.set_exception(ConnectionRefusedError(head.splitlines()[0].decode()))
                return
            self.upgraded.set_result(None)
        self._take_frames()
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._ends(1006)

    def _take_frames(self) -> None:
        have, at = self._bytes, 0
        while len(have) - at >= 2:
            size, begin = have[at + 1], at + 2
            if size > 125:
                begin += 2 if size == 126 else 8
                if len(have) < begin:
                    break
                size = int.from_bytes(have[at + 2 : begin])
            if len(have) < begin + size:
                break
            assert have[at] & 0xF0 == 0x80, "every frame of ours is whole"
            self._take(have[at] & 0x0F, bytes(have[begin : begin + size]))
            at = begin + size
        del have[:at]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == PING:
            self._write(PONG, payload)
        elif kind == CLOSE:
            self._ends(int.from_bytes(payload[:2]) if payload else 1005)
            self._write(CLOSE, payload[:2])
        elif kind == TEXT and not self.closed.done():
            self._hear(parsed(payload))

    def _hear(self, frame: Frame) -> None:
        self.on_frame(frame)
        match frame["on"]:
            case "message" | "changed":
                self.numbers[frame["room"]].append(frame["changed_seq"])
            case "replay":
                self.numbers[frame["room"]] += [each["changed_seq"] for each in frame["messages"]]
            case "ack" | "error" if (answer := self._answers.pop(frame.get("id", 0), None)) is not None:
                if not answer.done():
                    answer.set_result(frame)
            case _:
                self.others.append(frame)

    def _write(self, kind: int, payload: bytes) -> None:
        """Masked with zeros, as a client must mask."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
        if not self._transport.is_closing():
            self._transport.write(bytes((0x80 | kind,)) + length + bytes(4) + payload)

    def _ends(self, code: int) -> None:
        if not self.closed.done():
            self.closed.set_result(code)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionError(f"closed with {self.closed.result()}"))
                answer.exception()  # whoever asked may have gone
        if not self.upgraded.done():
            self.upgraded.set_exception(ConnectionError("closed before it was open"))
        self._news.set()


@lru_cache(20_000)
def parsed(payload: bytes) -> Frame:
    """One for all who hear the same."""
    frame: Frame = json.loads(payload)
    return frame


class Entrance:
    """Opens sockets, and cuts all that are still open at the end."""

    def __init__(self, site: Site) -> None:
        self._site, self._opened = site, list[Lean]()

    async def __aenter__(self) -> "Entrance":
        return self

    async def __aexit__(self, *_: object) -> None:
        for lean in self._opened:
            lean.cut()
        await asyncio.gather(*(lean.lost.wait() for lean in self._opened))

    async def opens(
        self, org: Org, path: str = "/ws/", *, by: Member | str | None = None, small: bool = False, **headers: str
    ) -> Lean:
        """A socket of this organisation. `small`: the kernel keeps as little as it can for it."""
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if small:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", self._site.port))
        _, lean = await loop.create_connection(Lean, sock=connection)
        self._opened.append(lean)
        token = by.token if isinstance(by, Member) else by
        given = {
            "Host": self._site.host(org.space.slug),
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        lean.sends("\r\n".join(lines).encode())
        async with asyncio.timeout(PATIENCE):
            await lean.upgraded
        return lean
