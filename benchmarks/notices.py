"""How long a notice takes to the last of many sockets, and what another organisation's chat feels of it meanwhile.

    conclave bench notices --sockets 5000 --notices 10

Talks to a running server, started with LIMITS=unlimited. All sockets are one person's: to the fan-out that makes no
difference. Each tells that the notice was delivered, as a page does: after a time by lot that grows with the crowd. The
other organisation's chat has a process of its own, but server, database and clients share the machine, so their work is
in every figure. What the server and its database spend is told where their processes are named, as for a server of the
measurement's own.
"""

import argparse
import heapq
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from benchmarks.circumstances import certificate
from benchmarks.client import Address, Ears, Hear, Refused, Socket
from benchmarks.fanout.processes import Clock
from benchmarks.neighbour import neighbour
from benchmarks.processes import Roots
from benchmarks.signup import Failed, Server, _slug

PAUSE, SPREAD, EACH = 0.2, 0.6, 0.0005  # seconds, as realtime/static/notices/receipts.js waits before it tells
PATIENCE = 60.0


def main(arguments: Sequence[str]) -> int:
    wish = _wish(arguments)
    try:
        result = _measure(wish) | certificate()
    except (Failed, Refused, OSError) as failure:
        print(f"It could not be measured: {failure!r}", file=sys.stderr)
        return 1
    print("\n".join(f"{name:34} {value}" for name, value in result.items()))
    if wish.json:
        with open(wish.json, "w") as file:
            json.dump(result, file, indent=2)
    return 0


def _wish(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conclave bench notices", description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:8000", help="the server's public address")
    parser.add_argument("--sockets", type=int, default=1000, help="how many hear the notices")
    parser.add_argument("--notices", type=int, default=10, help="how many are published")
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between them")
    parser.add_argument("--processes", type=_roots, default={}, help="of the server: server=PID,database=PID")
    parser.add_argument("--json", help="a file for the result")
    return parser.parse_args(arguments)


def _roots(named: str) -> Roots:
    found: dict[str, list[int]] = {}
    for each in named.split(","):
        role, _, pid = each.partition("=")
        if not pid.isdigit():
            raise argparse.ArgumentTypeError(f"{each!r} is not ROLE=PID")
        found.setdefault(role, []).append(int(pid))
    return found


def _measure(wish: argparse.Namespace) -> dict[str, Any]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ours, theirs = _Space(wish.url), _Space(wish.url)
    clock = Clock(wish.processes, None)
    with neighbour(theirs.address, theirs.token) as chat:
        chat.begin()
        time.sleep(wish.pause * wish.notices)
        alone = chat.end()
        with closing(_Crowd(ours, wish.sockets)) as crowd:
            chat.begin()
            clock.look()
            firsts, lasts = crowd.publish(wish.notices, wish.pause)
            clock.look()
            meanwhile = chat.end()
    deliveries = wish.sockets * wish.notices
    return dict(
        [
            ("sockets", wish.sockets),
            ("notices", wish.notices),
            *_percentiles("until the first socket", firsts),
            *_percentiles("until the last socket", lasts),
            *_percentiles("chat of another, alone", alone),
            *_percentiles("chat of another, meanwhile", meanwhile),
            *((f"{role} CPU s/M", round(1e6 * spent / deliveries, 1)) for role, spent in clock.seconds().items()),
        ]
    )


class _Space:
    """An organisation of its own, and its owner's token."""

    def __init__(self, url: str) -> None:
        self.slug = _slug()
        self.token = Server(url).sign_up(self.slug)["token"]
        named = f"{self.slug}.{urlsplit(url).netloc}"
        self.address, self.at = f"http://{named}", Address.of(url, named)


class _Crowd:
    """Everybody who hears the notices, and when: in one thread, on a client that costs little."""

    def __init__(self, space: _Space, size: int) -> None:
        self._space, self._ears = space, Ears()
        self._heard: list[int] = []  # ns
        self._due: list[tuple[float, int, int]] = []  # receipts: when, whose, of which notice
        self._sockets: list[Socket] = []
        for number in range(size):
            self._sockets.append(self._open("/ws/", partial(self._hear, number)))
            self._ears.turn(0)
        self._publishing = self._open("/ws/notification/", lambda payload, now: None)

    def publish(self, times: int, pause: float) -> tuple[list[float], list[float]]:
        """Seconds until the first and until the last has heard, of each."""
        firsts, lasts = [], []
        for number in range(times):
            self._heard = []
            began, patience = time.monotonic_ns(), time.monotonic() + PATIENCE
            self._publishing.say(json.dumps({"message": f"Drill {number}", "level": "important"}))
            while len(self._heard) < len(self._sockets):
                self._turn(patience)
                if time.monotonic() > patience:
                    raise Failed(f"{len(self._heard)} of {len(self._sockets)} have heard it.")
            firsts.append((min(self._heard) - began) / 1e9)
            lasts.append((max(self._heard) - began) / 1e9)
            until = time.monotonic() + pause
            while time.monotonic() < until:
                self._turn(until)
        return firsts, lasts

    def close(self) -> None:
        for socket in [*self._sockets, self._publishing]:
            socket.close()

    def _open(self, path: str, hear: Hear) -> Socket:
        return self._ears.open(self._space.at, path, self._space.token, hear, _gone)

    def _hear(self, number: int, payload: bytes, now: int) -> None:
        if b'"on":"notice"' in payload:
            self._heard.append(now)
            wait = PAUSE + random.random() * max(SPREAD, len(self._sockets) * EACH)
            heapq.heappush(self._due, (time.monotonic() + wait, number, json.loads(payload)["seq"]))

    def _turn(self, until: float) -> None:
        """What comes, and the receipts that are due."""
        next = min(until, self._due[0][0]) if self._due else until
        self._ears.turn(max(0.0, next - time.monotonic()))
        while self._due and self._due[0][0] <= time.monotonic():
            _, number, seq = heapq.heappop(self._due)
            self._sockets[number].say(json.dumps({"do": "receipts", "delivered": [seq]}))


def _gone(code: int, reason: str) -> None:
    raise Failed(f"A socket was closed with {code}: {reason}")


def _percentiles(what: str, seconds: list[float]) -> Iterator[tuple[str, float]]:
    parts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else (seconds or [0.0]) * 99
    yield f"{what} p50 ms", round(1000 * parts[49], 1)
    yield f"{what} p99 ms", round(1000 * parts[98], 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
