"""Receipts come from all pages at once when a notice has been published. The desk takes them in, and writes those of an
organisation together a few times a second: one statement for all of them, and the posts of others pass in between."""

import asyncio
import logging
from collections import defaultdict
from datetime import datetime

from realtime.notices import receipts
from realtime.notices.receipts import Mark
from realtime.nursery import Nursery
from realtime.protocol import Receipts
from tenants.actor import Actor
from tenants.directory import Space
from tenants.roles import require
from tenants.schema import in_tenant

PAUSE = 0.2  # seconds in which receipts gather
MOST = 1_000  # marks in one statement
ANSWERED = 100  # of them in one turn of the event loop

log = logging.getLogger("conclave.notices")


class Desk:
    """One per process."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Space, list[tuple[Mark, asyncio.Future[None]]]] = defaultdict(list)
        self._nursery = Nursery()

    def take(self, actor: Actor, told: Receipts, since: datetime) -> asyncio.Future[None]:
        """Done when it is written; holds what kept it from that. What is not for somebody is not written. What is taken
        back goes to `receipts.mark`. Raises Problem: forbidden, for a token that only reads."""
        require(actor, "notices.mark")
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[actor.organization]
        if not waiting:
            self._nursery.start(self._write_soon(actor.organization), "receipts")
        waiting.append((Mark(actor.user_id, told, since), written))
        return written

    async def _write_soon(self, space: Space) -> None:
        await asyncio.sleep(PAUSE)
        waiting = self._waiting.pop(space)
        for start in range(0, len(waiting), MOST):
            await self._write(space, waiting[start : start + MOST])

    async def _write(self, space: Space, waiting: list[tuple[Mark, "asyncio.Future[None]"]]) -> None:
        try:
            await in_tenant(space, receipts.write, space, [mark for mark, _ in waiting])
        except Exception as error:  # told to each of those who wait for it
            outcome: Exception | None = error
        else:
            outcome = None
        for place, (_, written) in enumerate(waiting):
            if place % ANSWERED == 0:
                await asyncio.sleep(0)
            if written.done():
                continue  # their socket is gone
            if outcome is None:
                written.set_result(None)
            else:
                written.set_exception(outcome)


desk = Desk()
