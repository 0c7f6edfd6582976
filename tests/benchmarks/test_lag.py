"""What the server's event loop was late by is found from its metrics, and told as no less than it was."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest
from prometheus_client import start_http_server

from benchmarks import lag
from realtime.lag import EVERY, watch


@pytest.fixture
def metrics() -> Iterator[str]:
    server, thread = start_http_server(0, addr="127.0.0.1")
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_loop_that_was_held_up_says_for_how_long(metrics: str) -> None:
    watching = asyncio.create_task(watch())
    await asyncio.sleep(3 * EVERY)
    before = await asyncio.to_thread(lag.told, [metrics])
    time.sleep(0.6)  # nobody on this loop has a turn
    await asyncio.sleep(3 * EVERY)
    after = await asyncio.to_thread(lag.told, [metrics])
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching

    found = lag.between(before, after)
    assert found is not None
    assert 300_000 <= found["max"] <= 1_000_000
    assert found["p50"] < found["max"]


def test_several_processes_are_added_and_one_that_was_replaced_begins_anew() -> None:
    before = [{0.01: 100.0, 0.1: 100.0, float("inf"): 100.0}, {0.01: 50.0, 0.1: 50.0, float("inf"): 50.0}]
    after = [{0.01: 190.0, 0.1: 198.0, float("inf"): 200.0}, {0.01: 1.0, 0.1: 1.0, float("inf"): 1.0}]

    assert lag.between(before, after) == {"p50": 10_000, "p99": 100_000, "max": 100_000}


def test_where_nobody_tells_there_is_nothing_to_tell() -> None:
    nobody = lag.told(["http://127.0.0.1:1/metrics"])
    assert nobody == [{}]
    assert lag.between(nobody, nobody) is None
