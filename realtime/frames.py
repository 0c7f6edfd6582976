"""A text as it goes over sockets: framed once, in whichever form a server takes it, and written with others."""

from collections.abc import Sequence
from typing import Any

EPHEMERAL = 0  # the number of what takes no number: told to whoever is there, dropped first


class Frame:
    """One text frame. `number`: of the change that it tells, in the stream that it belongs to."""

    __slots__ = ("_message", "_wire", "number", "text")

    def __init__(self, text: str, number: int = EPHEMERAL) -> None:
        self.text, self.number = text, number
        self._wire: bytes | None = None
        self._message: dict[str, Any] | None = None

    @property
    def wire(self) -> bytes:
        """As RFC 6455 has it from a server: final, text, not masked, not compressed, so the same for everybody."""
        if self._wire is None:
            payload = self.text.encode()
            self._wire = _header(len(payload)) + payload
        return self._wire

    @property
    def message(self) -> dict[str, Any]:
        """As ASGI has it. One for all: no server changes it."""
        if self._message is None:
            self._message = {"type": "websocket.send", "text": self.text}
        return self._message


class Batch:
    """Frames that are written together, in this order. `first`, `last`: the lowest and highest number; None: they have
    none. `size`: in characters."""

    __slots__ = ("_wire", "first", "frames", "last", "size")

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames
        self._wire: bytes | None = None
        self.first: int | None = None
        self.last: int | None = None
        self.size = 0
        for frame in frames:
            self.size += len(frame.text)
            if frame.number:
                self.first = self.first or frame.number
                self.last = frame.number

    @property
    def wire(self) -> bytes:
        if self._wire is None:
            self._wire = b"".join([frame.wire for frame in self.frames])
        return self._wire

    def numbered(self) -> "Batch | None":
        """Without what is ephemeral; None: nothing is left."""
        kept = [frame for frame in self.frames if frame.number]
        return self if len(kept) == len(self.frames) else Batch(kept) if kept else None

    def after(self, number: int) -> "Batch | None":
        """Without what somebody has who has everything up to this number; None: nothing is left."""
        kept = [frame for frame in self.frames if not frame.number or frame.number > number]
        return Batch(kept) if kept else None


def _header(size: int) -> bytes:
    if size < 126:
        return bytes((0x81, size))
    return b"\x81\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x81\x7f" + size.to_bytes(8)
