"""The judge of judge.c where there is no C compiler: the same plan, orders and answers, at ten times the cost.

python -m benchmarks.fanout.judge_in_python PLAN [CORE]
"""

import json
import os
import re
import select
import socket
import statistics
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

WARM_UP, QUIET, PATIENCE, OPENING, SKIPPED = 0.5, 0.5, 5.0, 300.0, 0.1  # seconds, as in judge.c
MARK = re.compile(rb"zqzq(\d{4})x(\d{4})x(\d{8})x(\d{16})")
CLOSE, PING, PONG = 8, 9, 10


@dataclass(slots=True, eq=False)
class Connection:
    group: int
    raw: bool
    request: bytes
    first: bytes
    wire: socket.socket = field(default_factory=socket.socket)
    state: str = "new"  # asked, open, joined, closed
    unread: bytes = b""
    unsent: bytes = b""
    text: bytes = b""
    seen: set[int] = field(default_factory=set)
    highest: int = 0


class Judge:
    def __init__(self, path: str) -> None:
        self.connections: list[Connection] = []
        self.says: dict[tuple[int, int], tuple[int, bytes]] = {}  # by template and group: who, and what
        self._read(path)
        self.members = [
            sum(not it.raw and it.group == group for it in self.connections) for group in range(self.groups)
        ]
        self.echoes = [next(it for it in self.connections if it.group == group) for group in range(self.groups)]
        self.connected = self.joined = self.closed = 0
        self.poller, self.open = select.epoll(), dict[int, Connection]()
        self.run = os.getpid() * 31 % 10000
        self._forget(0, 0)

    def _read(self, path: str) -> None:
        with open(path, "rb") as plan:
            for line in plan:
                word, *rest = line.decode().split() or [""]
                if word == "address":
                    self.address = (rest[0], int(rest[1]))
                    continue
                numbers = [int(each) for each in rest]
                if word == "groups":
                    self.groups = numbers[0]
                elif word == "stream":
                    self.is_stream = bool(numbers[0])
                elif word == "needle":
                    self.needle = plan.read(numbers[0])
                elif word == "answer":
                    self.asked, self.reply = plan.read(numbers[0]), plan.read(numbers[1])
                elif word == "connection":
                    group, raw, request, first = numbers
                    self.connections.append(Connection(group, bool(raw), plan.read(request), plan.read(first)))
                elif word == "say":
                    template, group, who, size = numbers
                    self.says[template, group] = who, plan.read(size)

    # Orders.

    def obey(self, order: str) -> dict[str, Any]:
        word, *rest = order.split()
        if word == "connect":
            return self._connect(int(rest[0]), int(rest[1]))
        if word == "settle":
            until, self.last = now() + 10, now()
            while now() < min(self.last + QUIET, until):
                self._turn(self.last + QUIET)
            return {"settled": True}
        number, seconds = float(rest[1]), float(rest[2])
        self._forget(int(rest[0]), int(number) if word == "closed" else 0)
        return self._measure(number if word == "open" else 0, seconds)

    def _connect(self, more: int, at_once: int) -> dict[str, Any]:
        began, goal = now(), min(self.connected + more, len(self.connections))
        while self.joined < goal:
            while self.connected < goal and self.connected - self.joined < at_once:
                self._dial(self.connections[self.connected])
                self.connected += 1
            if self.joined < goal:
                self._turn(began + OPENING)
            if now() > began + OPENING:
                fail(f"only {self.joined} of {goal} connections have joined within five minutes")
        return {"connected": self.connected, "seconds": now() - began}

    def _dial(self, it: Connection) -> None:
        it.wire.connect(self.address)
        it.wire.setblocking(False)
        it.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open[it.wire.fileno()] = it
        self.poller.register(it.wire, select.EPOLLIN)
        it.state = "asked"
        if it.raw:
            self._has_joined(it)
        else:
            self._put(it, it.request)

    def _has_joined(self, it: Connection) -> None:
        it.state = "joined"
        self.joined += 1

    def _forget(self, template: int, window: int) -> None:
        self.template, self.window = template, window
        self.run = (self.run + 1) % 10000
        self.sent, self.missing, self.last, self.lag = [0] * self.groups, 0, now(), 0.0
        self.publishing, self.counting, self.begin, self.end = True, False, 0.0, float("inf")
        self.latencies = array("d")
        self.counts = dict.fromkeys(
            (
                "deliveries",
                "messages",
                "delivered",
                "duplicate",
                "disordered",
                "foreign",
                "late",
                "reads",
                "frames",
                "bytes",
            ),
            0,
        )
        for it in self.connections:
            it.seen, it.highest = set(), 0

    def _measure(self, rate: float, seconds: float) -> dict[str, Any]:
        start, said, used = now(), 0, 0.0
        stop = start + WARM_UP + seconds if rate else float("inf")
        for group in range(self.groups):
            for _ in range(self.window):
                self._say(group, now())
        while True:
            moment = now()
            came_back = sum(self.sent) > self.window * self.groups
            if not self.begin and moment >= start + WARM_UP and (rate or came_back or moment > start + PATIENCE):
                tell({"at": "begin"})
                self.begin, self.counting, used = now(), True, time.process_time()
                stop = stop if rate else self.begin + seconds
            # Those that were intended before the end are said, however late.
            while rate and self.publishing and start + said / rate <= moment and start + said / rate < stop:
                self.lag = max(self.lag, moment - start - said / rate)
                self._say(said % self.groups, start + said / rate)
                said += 1
            if self.publishing and self.begin and moment >= stop:
                self.end, used = now(), time.process_time() - used
                self.counting = self.publishing = False
                tell({"at": "end"})
                self.last = now()
            if not self.publishing and moment > self.last + (PATIENCE if self.missing else QUIET):
                break
            self._turn(start + said / rate if rate and self.publishing else moment + 0.01)
        ordered = sorted(self.latencies) or [0.0]
        middle, most = statistics.median(ordered), ordered[-1]
        return self.counts | {
            "seconds": self.end - self.begin,
            "sent": sum(self.sent),
            "lost": self.missing,
            "closed": self.closed,
            "p50": 1e3 * middle,
            "p99": 1e3 * ordered[int(0.99 * len(ordered))],
            "max": 1e3 * most,
            "latencies": len(self.latencies),
            "lag": 1e3 * self.lag,
            "cpu": used,
        }

    # Out.

    def _say(self, group: int, stamp: float) -> None:
        who, frame = self.says[self.template, group]
        frame = frame.replace(b"RRRR", b"%04d" % self.run).replace(b"S" * 8, b"%08d" % self.sent[group])
        self.sent[group] += 1
        self.missing += self.members[group]
        self.counts["messages"] += self.counting
        self._put(self.connections[who], frame.replace(b"T" * 16, b"%016d" % int(1e9 * stamp)))

    def _put(self, it: Connection, data: bytes) -> None:
        it.unsent += data
        self._flush(it)

    def _flush(self, it: Connection) -> None:
        try:
            it.unsent = it.unsent[it.wire.send(it.unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return self._shut(it)
        self.poller.modify(it.wire, select.EPOLLIN | (select.EPOLLOUT if it.unsent else 0))

    # In.

    def _turn(self, until: float) -> None:
        for number, event in self.poller.poll(max(0.0, until - now()), 64):
            it = self.open.get(number)
            if it is None:
                continue
            if event & select.EPOLLOUT:
                self._flush(it)
            if event & ~select.EPOLLOUT and it.state != "closed":
                self._receive(it)

    def _receive(self, it: Connection) -> None:
        try:
            data = it.wire.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self._shut(it)
        at = now()
        self.counts["reads"] += self.counting
        self.counts["bytes"] += len(data) * self.counting
        if it.raw:
            return
        it.unread += data
        if it.state == "asked" and b"\r\n\r\n" in it.unread:
            self._answered(it)
        if it.state in ("open", "joined"):
            for opcode, payload in self._frames(it):
                self._heard(it, opcode, payload, at)

    def _answered(self, it: Connection) -> None:
        head, _, it.unread = it.unread.partition(b"\r\n\r\n")
        if head[9:12] != b"101":
            fail(f"the handshake was answered {head.decode('latin-1')[:60]}")
        it.state = "open"
        if it.first:
            self._put(it, it.first)
        if not self.needle:
            self._has_joined(it)

    def _frames(self, it: Connection) -> Iterator[tuple[int, bytes]]:
        data, done = it.unread, 0
        while len(data) - done >= 2:
            size, header = data[done + 1] & 127, 2
            if size > 125:
                width = 2 if size == 126 else 8
                size, header = int.from_bytes(data[done + 2 : done + 2 + width]), 2 + width
            if len(data) - done < header + size:
                break
            yield data[done] & 15, data[done + header : done + header + size]
            done += header + size
        it.unread = data[done:]

    def _heard(self, it: Connection, opcode: int, payload: bytes, at: float) -> None:
        if opcode == CLOSE:
            return self._shut(it)
        if opcode == PING:
            return self._put(it, bytes((0x80 | PONG, 0x80 | len(payload))) + b"\0\0\0\0" + payload)
        if opcode == PONG:
            return
        self.counts["frames"] += self.counting
        self.last = at
        if it.state == "open" and self.needle in payload:
            self._has_joined(it)
        if self.asked and payload == self.asked:
            self._put(it, self.reply)
        text = it.text + payload if self.is_stream else payload
        done = 0
        for mark in MARK.finditer(text):
            run, group, number, stamp = map(int, mark.groups())
            self._delivered(it, run, group, number, stamp, at)
            done = mark.end()
        it.text = text[max(done, text.rfind(b"\n") + 1) :] if self.is_stream else b""

    def _delivered(self, it: Connection, run: int, group: int, number: int, stamp: int, at: float) -> None:
        if group != it.group:
            self.counts["foreign"] += 1
        elif run != self.run or number >= self.sent[group]:
            self.counts["late"] += 1
        elif number in it.seen:
            self.counts["duplicate"] += 1
        else:
            it.seen.add(number)
            self.counts["disordered"] += number < it.highest
            it.highest = max(it.highest, number + 1)
            self.counts["delivered"] += 1
            self.counts["deliveries"] += self.counting
            self.missing -= 1
            if self.begin and self.begin + SKIPPED <= stamp / 1e9 < self.end:
                self.latencies.append(at - stamp / 1e9)
            if self.window and self.publishing and it is self.echoes[group]:
                self._say(group, at)

    def _shut(self, it: Connection) -> None:
        if it.state != "joined":
            fail("a connection was closed before it had joined")
        it.state = "closed"
        self.closed += 1
        del self.open[it.wire.fileno()]
        it.wire.close()


now = time.monotonic


def tell(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


def fail(sentence: str) -> NoReturn:
    tell({"failed": sentence})
    sys.exit(1)


def main() -> None:
    path, *core = sys.argv[1:]
    if core:
        os.sched_setaffinity(0, {int(core[0])})
    judge = Judge(path)
    for order in iter(sys.stdin.readline, ""):
        tell(judge.obey(order))


if __name__ == "__main__":
    main()
