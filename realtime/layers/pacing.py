"""When what a process publishes goes on its way to the broker: what piles up meanwhile goes with it.

Whoever listens here has heard it already, and the price is per trip, not per letter: a NOTIFY of its own costs
PostgreSQL 35 to 60 us and this process as much again, a PUBLISH costs Redis some 20.
"""

import asyncio
from collections.abc import Callable

# After a trip the way rests for so many seconds: what nobody waits for stays for the next. A quiet process, with less
# than a hundred letters a second, delays nothing; a busy one keeps other processes waiting for no longer than this.
REST = 0.01


class Pace:
    """Of one way to a broker, on one event loop."""

    def __init__(self, go: Callable[[], None]) -> None:
        """`go` sends what waits. Called once for all of a turn of the loop."""
        self._go = go
        self._due: asyncio.Handle | None = None
        self._is_resting = False
        self._rests_until = 0.0

    def due(self, *, at_once: bool) -> None:
        """Something waits to be sent: in this turn of the loop if `at_once`, else when the rest is over."""
        if self._due is not None and not (at_once and self._is_resting):
            return
        loop = asyncio.get_running_loop()
        if self._due is not None:
            self._due.cancel()
        self._is_resting = not at_once and loop.time() < self._rests_until
        self._due = loop.call_at(self._rests_until, self._leave) if self._is_resting else loop.call_soon(self._leave)

    def _leave(self) -> None:
        self._due = None
        self._rests_until = asyncio.get_running_loop().time() + REST
        self._go()
