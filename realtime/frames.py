"""A text as it goes over sockets: framed once, in whichever form a server takes it, and written with others."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

EPHEMERAL = 0  # the number of what takes no number: told to whoever is there, dropped first


class Frame:
    """One text frame. `number`: of the change that it tells, in the stream that it belongs to."""

    def __init__(self, text: str, number: int = EPHEMERAL) -> None:
        self.text, self.number = text, number

    @cached_property
    def wire(self) -> bytes:
        """As RFC 6455 has it from a server: final, text, not masked, not compressed, so the same for everybody."""
        payload = self.text.encode()
        size = len(payload)
        if size < 126:
            return bytes((0x81, size)) + payload
        if size < 1 << 16:
            return b"\x81\x7e" + size.to_bytes(2) + payload
        return b"\x81\x7f" + size.to_bytes(8) + payload

    @cached_property
    def message(self) -> dict[str, Any]:
        """As ASGI has it. One for all: no server changes it."""
        return {"type": "websocket.send", "text": self.text}


class Batch:
    """Frames that are written together, in this order."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames

    @cached_property
    def wire(self) -> bytes:
        return b"".join([frame.wire for frame in self.frames])

    @cached_property
    def size(self) -> int:
        """In bytes, about."""
        return sum(len(frame.text) for frame in self.frames)

    @cached_property
    def first(self) -> int | None:
        """The lowest number in it; None: there is none."""
        return next((frame.number for frame in self.frames if frame.number), None)

    @cached_property
    def last(self) -> int | None:
        return next((frame.number for frame in reversed(self.frames) if frame.number), None)

    @cached_property
    def numbered(self) -> "Batch | None":
        """Without what is ephemeral; None: nothing is left."""
        kept = [frame for frame in self.frames if frame.number]
        return self if len(kept) == len(self.frames) else Batch(kept) if kept else None

    def after(self, number: int) -> "Batch | None":
        """Without what somebody has who has everything up to this number."""
        kept = [frame for frame in self.frames if not frame.number or frame.number > number]
        return Batch(kept) if kept else None
