"""A server process that is asked to stop: nobody is cut off in the middle, and nobody comes back at once."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.cast import Org, founds
from tests.clients import Client
from tests.saas.test_cli_refusals import free_port
from tests.saas.test_server_production import conclave, is_ready, until

DRAIN = 5.0


@contextlib.asynccontextmanager
async def opened(port: int, org: Org, path: str = "/ws/") -> AsyncIterator[ClientConnection]:
    host = f"{org.space.slug}.chat.example.com"
    headers = {"Authorization": f"Bearer {org.owner.token}"}
    where = {"host": "127.0.0.1", "port": port}
    async with connect(f"ws://{host}{path}", additional_headers=headers, origin=None, proxy=None, **where) as socket:
        yield socket


@pytest.mark.timeout(240)
async def test_who_is_there_when_a_server_stops_is_answered_and_told_when_to_come_back(database: str) -> None:
    org, port = founds("acme", owner="alice"), free_port()
    serving = conclave(database, "serve", "--bind", f"127.0.0.1:{port}", "--drain", str(DRAIN))
    try:
        await asyncio.to_thread(until, lambda: is_ready(port), serving)
        async with contextlib.AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(opened(port, org)) for _ in range(10)]
            writer = Client(sockets[0])
            await writer.hears(on="welcome")
            await writer.asks("join", room="general")

            watching = asyncio.create_task(asyncio.to_thread(readiness, port))
            serving.send_signal(signal.SIGTERM)
            posted = await writer.posts("while it stops")

            assert posted["on"] == "ack"
            assert (503, "draining") in await watching
            ends = await asyncio.gather(*map(end_of, sockets))
            assert {code for code, _ in ends} == {1012}
            delays = [float(reason) for _, reason in ends]
            assert min(delays) > 0
            assert len(set(delays)) > 1, "not all at once"
        said, _ = await asyncio.to_thread(serving.communicate, timeout=60)
        assert serving.returncode == 0
        assert "Traceback" not in said
    finally:
        if serving.poll() is None:
            serving.kill()
            serving.communicate()


def readiness(port: int) -> set[tuple[int, str]]:
    """What it says of itself, until it listens no more: not ready comes before that."""
    said = set()
    with contextlib.suppress(httpx.HTTPError):
        while True:
            answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10)
            said.add((answer.status_code, answer.text))
    return said


async def end_of(socket: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code or 1006, socket.close_reason or ""
