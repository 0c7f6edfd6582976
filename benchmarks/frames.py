"""WebSocket frames of a client: what it writes is masked, what it reads is cut out of the stream of bytes."""

import os
from collections.abc import Iterator

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
CONTINUATION = 0


class Broken(Exception):
    """The server does not speak WebSocket."""


def framed(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """As one whole number: a loop over the bytes would cost more than sending them."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class Reader:
    """Cuts what has been read into messages; keeps what is not whole yet."""

    __slots__ = ("_opcode", "_parts", "_rest")

    def __init__(self, rest: bytes = b"") -> None:
        self._rest = rest
        self._parts: list[bytes] = []  # of a fragmented message
        self._opcode = TEXT

    def read(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        if self._rest:
            data = self._rest + data
        at, there = 0, len(data)
        while there - at >= 2:
            first, size, start = data[at], data[at + 1], at + 2
            if size > 127:
                raise Broken("The server masks its frames.")
            if size > 125:
                wide = 2 if size == 126 else 8
                start += wide
                if there < start:
                    break
                size = int.from_bytes(data[start - wide : start], "big")
            if there < start + size:
                break
            at = start + size
            payload = data[start:at]
            if first & 0x80 and first & 0x0F != CONTINUATION:
                yield first & 0x0F, payload
            else:
                yield from self._joined(first, payload)
        self._rest = data[at:]

    def _joined(self, first: int, payload: bytes) -> Iterator[tuple[int, bytes]]:
        if first & 0x0F != CONTINUATION:
            self._opcode, self._parts = first & 0x0F, []
        self._parts.append(payload)
        if first & 0x80:
            yield self._opcode, b"".join(self._parts)
