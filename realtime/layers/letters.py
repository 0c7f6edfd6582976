"""What travels through a broker: a body for everybody in a group or for one channel. As tuples, for several are made
of every event, and a frozen dataclass takes three times as long to make."""

from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, Self

# PostgreSQL refuses notifications of 8,000 bytes and more.
TOO_LONG = 8_000
# Bytes of a body that fit into a notification whatever it is addressed to: with base64, and 160 for the envelope.
ALWAYS_FITS = (TOO_LONG - 160) // 4 * 3


class Kind(StrEnum):
    GROUP = "g"
    CHANNEL = "c"


class Address(NamedTuple):
    kind: Kind
    name: str

    @property
    def topic(self) -> str:
        """What somebody subscribes to who is to hear this: all channels of one process are one topic."""
        return f"{self.kind}{self.name.partition('!')[0]}"


class Letter(NamedTuple):
    """As a notification of PostgreSQL. Sender and number make every letter unique: equal notifications of one
    transaction are dropped there."""

    sender: str
    number: int
    to: Address
    body: bytes

    def envelope(self) -> str:
        """The letter without its body, which is then found in the spill table."""
        return f"{self.sender} {self.number} {self.to.kind}{self.to.name} "

    def payload(self) -> str:
        """All of the letter; only to be sent if it `fits`."""
        return self.envelope() + b2a_base64(self.body, newline=False).decode("ascii")

    def fits(self) -> bool:
        return len(self.envelope()) + (len(self.body) + 2) // 3 * 4 < TOO_LONG


def bundled(texts: Iterable[str]) -> Iterator[str]:
    """Letters as notifications: a line for each, and as many in one as fit. PostgreSQL takes longer over a notification
    than over its length."""
    bundle: list[str] = []
    size = 0
    for text in texts:
        if bundle and size + len(text) >= TOO_LONG:
            yield "\n".join(bundle)
            bundle, size = [], 0
        bundle.append(text)
        size += len(text) + 1
    if bundle:
        yield "\n".join(bundle)


class Heard(NamedTuple):
    """A letter as it was heard: its body is decoded only where somebody wants it. It is an echo to its sender."""

    sender: str
    number: int
    to: Address
    encoded: str

    @classmethod
    def parse(cls, payload: str) -> Self:
        sender, number, to, encoded = payload.split(" ")
        return cls(sender, int(number), Address(Kind(to[:1]), to[1:]), encoded)

    @property
    def spilled(self) -> bool:
        return not self.encoded

    def body(self) -> bytes:
        return a2b_base64(self.encoded, strict_mode=True)
