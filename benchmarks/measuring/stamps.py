"""What a measured message says about itself, found in a frame by its bytes: nothing is parsed that need not be.

Times are time.monotonic_ns(), which is one clock for all processes of a machine: generators on several machines are
not supported.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MARK = b"stamp("  # plain text: what can be read as markup is sent as HTML, too
END = b")"
SEQ = b'"seq":'


@dataclass(frozen=True, slots=True)
class Stamp:
    run: str
    organisation: int
    sender: int
    number: int  # of this sender's messages, from 0
    intended: int  # when the schedule wanted it said
    said: int  # when it was

    @property
    def name(self) -> tuple[int, int, int]:
        return self.organisation, self.sender, self.number

    def text(self, size: int) -> str:
        """A message of so many characters, or as few as the stamp needs."""
        parts = (self.run, self.organisation, self.sender, self.number, self.intended, self.said)
        stamp = f"{MARK.decode()}{':'.join(map(str, parts))}{END.decode()}"
        return stamp + "x" * (size - len(stamp))


@dataclass(frozen=True, slots=True)
class Heard:
    stamp: Stamp
    seq: int


def stamps_in(frame: bytes) -> Iterator[Heard]:
    """One of a message, several of a replay. The number of the room is the last one named before the stamp."""
    at, last = frame.find(MARK), b""
    while at >= 0:
        end = frame.index(END, at + len(MARK))
        found = frame[at + len(MARK) : end]
        if found != last:  # a message that is sent as HTML, too, says it twice
            run, *numbers = found.split(b":")
            yield Heard(Stamp(run.decode(), *map(int, numbers)), _seq_before(frame, at))
        at, last = frame.find(MARK, end), found


def _seq_before(frame: bytes, at: int) -> int:
    start = frame.rfind(SEQ, 0, at)
    return _number(frame, start + len(SEQ)) if start >= 0 else 0


def number_after(frame: bytes, name: bytes, at: int = 0) -> int | None:
    """The whole number that follows `name` in the frame."""
    found = frame.find(name, at)
    return _number(frame, found + len(name)) if found >= 0 else None


def _number(frame: bytes, start: int) -> int:
    end = start
    while frame[end : end + 1].isdigit():
        end += 1
    return int(frame[start:end] or 0)
