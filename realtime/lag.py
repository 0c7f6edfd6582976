"""How late the event loop of this process is: so long everybody on it has waited for somebody else's turn."""

import asyncio
from time import perf_counter

from prometheus_client import Histogram

EVERY = 0.2  # seconds; each look wakes the process, which costs an idle one 0.17 ms
LAG = Histogram(
    "conclave_event_loop_lag_seconds",
    "How late a timer of the event loop was, looked at five times a second",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)


async def watch() -> None:
    """Goes on until it is cancelled."""
    while True:
        due = perf_counter() + EVERY
        await asyncio.sleep(EVERY)
        LAG.observe(max(0.0, perf_counter() - due))
