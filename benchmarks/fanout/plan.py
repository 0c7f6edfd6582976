"""What the judge is given: who connects and how, what is said. All as bytes: the judge has only to count."""

import base64
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Caller:
    """One connection. `raw`: it only publishes, and what comes back is thrown away."""

    group: int
    request: bytes = b""
    first: bytes = b""
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Saying:
    """How one connection says a message to its group: bytes with the places of the mark, which the judge fills in."""

    template: int
    group: int
    caller: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    port: int
    callers: Sequence[Caller]
    sayings: Sequence[Saying]
    needle: bytes = b""
    """A caller is there when it has been told this; empty: when its handshake is answered."""
    answer: tuple[bytes, bytes] = (b"", b"")
    """A payload that asks whether one is still there, and the frame that says yes."""
    is_stream: bool = False
    """A message may end in another frame than it began."""
    host: str = "127.0.0.1"

    @property
    def groups(self) -> int:
        return 1 + max(caller.group for caller in self.callers)

    def encoded(self) -> bytes:
        return b"".join(self._lines())

    def _lines(self) -> Iterable[bytes]:
        yield f"address {self.host} {self.port}\ngroups {self.groups}\nstream {self.is_stream:d}\n".encode()
        yield f"needle {len(self.needle)}\n".encode() + self.needle + b"\n"
        yield "answer {} {}\n".format(*map(len, self.answer)).encode() + b"".join(self.answer) + b"\n"
        for each in self.callers:
            sizes = f"{len(each.request)} {len(each.first)}"
            yield f"connection {each.group} {each.raw:d} {sizes}\n".encode() + each.request + each.first + b"\n"
        for said in self.sayings:
            where = f"say {said.template} {said.group} {said.caller} {len(said.frame)}\n"
            yield where.encode() + said.frame + b"\n"


NUMBER = "S" * 8
FILLING = " the quick brown fox jumps over the lazy dog and then it rests for a while in the sun"


def text(group: int, size: int) -> str:
    """A message of this size that carries its run, group, number and time. Without a letter that is markup anywhere."""
    mark = f"zqzqRRRRx{group:04}x{NUMBER}x{'T' * 16}"
    return (mark + FILLING * (1 + size // len(FILLING)))[:size]


def frame(payload: str | bytes, opcode: int = 1) -> bytes:
    """A frame of a client. The mask is zeros, so that the payload stands in it as it is."""
    data = payload.encode() if isinstance(payload, str) else payload
    size = len(data)
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2)
    return head + b"\0\0\0\0" + data


def handshake(path: str, host: str, *headers: Header) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = [("Host", host), ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Key", key)]
    lines = [f"{name}: {value}\r\n" for name, value in [*upgrade, ("Sec-WebSocket-Version", "13"), *headers]]
    return f"GET {path} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()
