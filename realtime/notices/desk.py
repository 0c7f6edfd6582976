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
from tenants.schema import in_tenant

PAUSE = 0.2  # seconds in which receipts gather
MOST = 1_000  # marks in one statement

log = logging.getLogger("conclave.notices")


class Desk:
    """One per process."""

    def __init__(self) -> None:
        self._waiting: defaultdict[Space, list[tuple[Mark, asyncio.Future[None]]]] = defaultdict(list)
        self._nursery = Nursery()

    async def take(self, actor: Actor, told: Receipts, since: datetime) -> None:
        """Returns when it is written, and raises what kept it from that. Everybody may: there is no smaller role than
        that of the verb `notices.mark`, and what is not for somebody is not written."""
        space = actor.organization
        if told.delivered or told.seen or told.acknowledged:
            written = asyncio.get_running_loop().create_future()
            if not self._waiting[space]:
                self._nursery.start(self._write_soon(space), "receipts")
            self._waiting[space].append((Mark(actor.user_id, told, since), written))
            await written
        if told.unacknowledged:
            await in_tenant(space, receipts.mark, actor, Receipts(unacknowledged=told.unacknowledged))

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
        for _, written in waiting:
            if written.done():
                continue  # their socket is gone
            if outcome is None:
                written.set_result(None)
            else:
                written.set_exception(outcome)


desk = Desk()
