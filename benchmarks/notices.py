"""How long a notice takes to the last of many sockets, and what another organisation's chat feels of it meanwhile.

    conclave bench notices --sockets 5000 --notices 10

Talks to a running server, started with LIMITS=unlimited. All sockets are one person's: to the fan-out that makes no
difference. Each tells that the notice was delivered, as a page does: after a time by lot that grows with the crowd. The
other organisation's chat has a process of its own, but server, database and clients share the machine, so their work is
in every figure. What the server and its database spend is told where their processes are named, as for a server of the
measurement's own.
"""

import argparse
import asyncio
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.circumstances import certificate
from benchmarks.fanout.processes import Clock, Roots
from benchmarks.neighbour import neighbour
from benchmarks.signup import Failed, Server, _slug
from realtime.nursery import Nursery

AT_ONCE = 50  # sockets that are being opened at a time
PAUSE, SPREAD, EACH = 0.2, 0.6, 0.0005  # seconds, as realtime/static/notices/receipts.js waits before it tells
PATIENCE = 60.0


def main(arguments: Sequence[str]) -> int:
    wish = _wish(arguments)
    try:
        result = asyncio.run(_measure(wish)) | certificate()
    except (Failed, OSError, TimeoutError) as failure:
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


async def _measure(wish: argparse.Namespace) -> dict[str, Any]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ours, theirs = await asyncio.to_thread(_Space, wish.url), await asyncio.to_thread(_Space, wish.url)
    clock = Clock(wish.processes, None)
    async with AsyncExitStack() as stack:
        chat = stack.enter_context(neighbour(theirs.address, theirs.token))
        await asyncio.to_thread(chat.begin)
        await asyncio.sleep(wish.pause * wish.notices)
        alone = await asyncio.to_thread(chat.end)
        crowd = _Crowd()
        for start in range(0, wish.sockets, AT_ONCE):
            several = range(start, min(wish.sockets, start + AT_ONCE))
            sockets = await asyncio.gather(*(stack.enter_async_context(ours.socket("/ws/")) for _ in several))
            crowd.listen(sockets)
        publishing = await stack.enter_async_context(ours.socket("/ws/notification/"))
        await asyncio.to_thread(chat.begin)
        clock.look()
        firsts, lasts = await crowd.publish(publishing, wish.notices, wish.pause)
        clock.look()
        meanwhile = await asyncio.to_thread(chat.end)
        await crowd.stop()
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
        self.slug, parts = _slug(), urlsplit(url)
        self.token = Server(url).sign_up(self.slug)["token"]
        self.host, self.port, self.named = parts.hostname or "localhost", parts.port or 80, parts.netloc
        self.address = f"http://{self.slug}.{self.named}"

    def socket(self, path: str) -> connect:
        return connect(
            f"ws://{self.slug}.{self.named}{path}",
            host=self.host,
            port=self.port,
            additional_headers={"Authorization": f"Bearer {self.token}"},
            open_timeout=PATIENCE,
            compression=None,
            proxy=None,
        )


class _Crowd:
    """Everybody who hears the notices, and when."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.heard: list[float] = []
        self.all_have = asyncio.Event()
        self._telling = Nursery()

    def listen(self, sockets: Sequence[ClientConnection]) -> None:
        self.tasks += [asyncio.create_task(self._hear(socket)) for socket in sockets]

    async def _hear(self, socket: ClientConnection) -> None:
        async for text in socket:
            if '"on":"notice"' in text:
                self.heard.append(time.perf_counter())
                if len(self.heard) == len(self.tasks):
                    self.all_have.set()
                self._telling.start(self._tell_later(socket, json.loads(text)["seq"]), "receipt")

    async def _tell_later(self, socket: ClientConnection, seq: int) -> None:
        await asyncio.sleep(PAUSE + random.random() * max(SPREAD, len(self.tasks) * EACH))
        await socket.send(json.dumps({"do": "receipts", "delivered": [seq]}))

    async def publish(self, by: ClientConnection, times: int, pause: float) -> tuple[list[float], list[float]]:
        firsts, lasts = [], []
        for number in range(times):
            self.heard = []
            self.all_have.clear()
            began = time.perf_counter()
            await by.send(json.dumps({"message": f"Drill {number}", "level": "important"}))
            async with asyncio.timeout(PATIENCE):
                await self.all_have.wait()
            firsts.append(min(self.heard) - began)
            lasts.append(max(self.heard) - began)
            await asyncio.sleep(pause)
        return firsts, lasts

    async def stop(self) -> None:
        await self._telling.stop()
        for task in self.tasks:
            task.cancel()


def _percentiles(what: str, seconds: list[float]) -> Iterator[tuple[str, float]]:
    parts = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else (seconds or [0.0]) * 99
    yield f"{what} p50 ms", round(1000 * parts[49], 1)
    yield f"{what} p99 ms", round(1000 * parts[98], 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
