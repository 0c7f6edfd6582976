"""Who heard what: the account that one process keeps, and writes at its end as its part of the whole.

A listener counts from its birth on: the moment when the server has said that it hears the room. It is expected to hear
every message that was said after that and acknowledged, once, also when it was away in between: stored means delivered.
"""

import base64
import json
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring.histogram import Histogram
from benchmarks.measuring.stamps import Heard, Stamp, stamps_in

MICRO = 1000  # nanoseconds
FRAMES_REMEMBERED = 500  # a crowd hears several that came together, one after the other
REPLAY, NOTICE = b'{"on":"replay"', b'{"on":"notice"'

Name = tuple[int, int, int]


@dataclass(slots=True)
class Listener:
    """`index`: among those of its organisation in this process, in the order of their births."""

    organisation: int
    index: int
    highest: int = 0  # number of the room
    highest_notice: int = 0


@dataclass(slots=True)
class Said:
    stamp: Stamp
    step: int = 0
    size: int = 0
    acknowledged: int | None = None  # when
    refused: str = ""


@dataclass(slots=True)
class Broadcast:
    """One message as this process has heard it."""

    stamp: Stamp
    flags: bytearray  # for each listener, how often: 0, 1, 2 for more
    live: Histogram = field(default_factory=Histogram)  # microseconds from the intended time
    caught_up: int = 0  # came by replay
    last: int = 0  # microseconds to the last one heard
    duplicates: int = 0
    out_of_order: int = 0


@dataclass(slots=True)
class Account:
    run: str
    births: dict[int, list[int]] = field(default_factory=dict)
    said: dict[Name, Said] = field(default_factory=dict)
    heard: dict[Name, Broadcast] = field(default_factory=dict)
    timings: dict[str, Histogram] = field(default_factory=dict)  # of connecting, of acknowledgements, of our own loop
    counts: dict[str, int] = field(default_factory=dict)  # of what else happened
    openings: list[tuple[int, int]] = field(default_factory=list)  # (when, how many sockets are open)
    foreign: int = 0
    _read: dict[bytes, list[Heard]] = field(default_factory=dict)  # what the frames of just now hold

    def born(self, organisation: int, now: int) -> Listener:
        births = self.births.setdefault(organisation, [])
        births.append(now)
        return Listener(organisation, len(births) - 1)

    def say(self, said: Said) -> None:
        self.said[said.stamp.name] = said

    def opened(self, more: int) -> None:
        open_before = self.openings[-1][1] if self.openings else 0
        self.openings.append((time.monotonic_ns(), open_before + more))

    def hear(self, listener: Listener, frame: bytes, now: int, *, again: bool = False) -> None:
        """A frame that may hold stamped messages. A broadcast is one and the same frame for all who hear it. `again`:
        the listener has come back, and is told the newest notices in any case, also those that it has."""
        held = self._read.get(frame)
        if held is None:
            if len(self._read) >= FRAMES_REMEMBERED:
                self._read.clear()
            held = self._read[frame] = list(stamps_in(frame))
        live, notice = not frame.startswith(REPLAY), frame.startswith(NOTICE)
        for heard in held:
            if heard.stamp.run != self.run or (again and notice and heard.seq <= listener.highest_notice):
                continue
            if self._hear(listener, heard, now, live and not again):
                self._in_order(listener, heard, notice)

    def _hear(self, listener: Listener, heard: Heard, now: int, live: bool) -> bool:
        """Whether it is new."""
        stamp = heard.stamp
        if stamp.organisation != listener.organisation:
            self.foreign += 1
            return False
        broadcast = self.heard.get(stamp.name)
        if broadcast is None:
            there = len(self.births[listener.organisation])
            broadcast = self.heard[stamp.name] = Broadcast(stamp, bytearray(there))
        flags = broadcast.flags
        if listener.index >= len(flags):  # born since
            flags.extend(bytes(listener.index + 1 - len(flags)))
        if flags[listener.index]:
            flags[listener.index] = 2
            broadcast.duplicates += 1
            return False
        flags[listener.index] = 1
        taken = (now - stamp.intended) // MICRO
        broadcast.last = max(broadcast.last, taken)
        if live:
            broadcast.live.record(taken)
        else:
            broadcast.caught_up += 1
        return True

    def _in_order(self, listener: Listener, heard: Heard, notice: bool) -> None:
        before = listener.highest_notice if notice else listener.highest
        if heard.seq < before:
            self.heard[heard.stamp.name].out_of_order += 1
        elif notice:
            listener.highest_notice = heard.seq
        else:
            listener.highest = heard.seq

    def time(self, what: str, nanoseconds: int) -> None:
        self.timings.setdefault(what, Histogram()).record(nanoseconds // MICRO)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def write(self, file: Path) -> None:
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.as_json(), separators=(",", ":")))
        unfinished.rename(file)

    def as_json(self) -> dict[str, Any]:
        return {
            "births": [[organisation, births] for organisation, births in self.births.items()],
            "said": [
                [_stamp(each.stamp), each.step, each.size, each.acknowledged, each.refused]
                for each in self.said.values()
            ],
            "heard": [
                [
                    _stamp(each.stamp),
                    base64.b64encode(zlib.compress(each.flags)).decode(),
                    each.live.as_json(),
                    each.caught_up,
                    each.last,
                    each.duplicates,
                    each.out_of_order,
                ]
                for each in self.heard.values()
            ],
            "timings": {what: histogram.as_json() for what, histogram in self.timings.items()},
            "counts": self.counts,
            "openings": self.openings,
            "foreign": self.foreign,
        }

    @classmethod
    def read(cls, file: Path, run: str) -> "Account":
        part = json.loads(file.read_text())
        account = cls(run, births=dict(part["births"]), counts=part["counts"], foreign=part["foreign"])
        account.openings = [(when, many) for when, many in part["openings"]]
        account.timings = {what: Histogram.of_json(pairs) for what, pairs in part["timings"].items()}
        for stamp, step, size, acknowledged, refused in part["said"]:
            account.say(Said(Stamp(run, *stamp), step, size, acknowledged, refused))
        for stamp, flags, live, *rest in part["heard"]:
            own = Stamp(run, *stamp)
            heard = bytearray(zlib.decompress(base64.b64decode(flags)))
            account.heard[own.name] = Broadcast(own, heard, Histogram.of_json(live), *rest)
        return account


def _stamp(stamp: Stamp) -> list[int]:
    return [stamp.organisation, stamp.sender, stamp.number, stamp.intended, stamp.said]
