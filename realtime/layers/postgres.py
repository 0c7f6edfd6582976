"""A channel layer over PostgreSQL's LISTEN and NOTIFY, without a table of members."""

import asyncio
import hashlib
import uuid
from typing import Any

from realtime.layers.broker import Broker
from realtime.layers.fan_out import FanOutChannelLayer
from realtime.layers.letters import ALWAYS_FITS, Address, Kind
from realtime.layers.link import Link
from realtime.layers.listening import Listener
from realtime.layers.mailboxes import Mailbox, Mailboxes
from realtime.layers.publishing import Publisher

MARK = b"."


class PostgresChannelLayer(FanOutChannelLayer):
    """Every event loop that listens holds one session, and mostly publishes by it; one that only publishes, or that has
    published what was long, holds another. They must reach PostgreSQL itself or a pooler in session mode, for LISTEN
    needs that."""

    inline_bytes = ALWAYS_FITS

    def __init__(self, dsn: str, prefix: str = "conclave", **options: Any) -> None:
        super().__init__(**options)
        self._dsn = dsn
        # Identifiers of PostgreSQL are cut off after 63 bytes.
        self._notified = "conclave_" + hashlib.sha256(prefix.encode()).hexdigest()[:32]

    def connected(self, mailboxes: Mailboxes) -> Broker:
        return PostgresBroker(self._dsn, self._notified, mailboxes)


class PostgresBroker(Broker):
    """Everybody hears everything, and keeps what the mailboxes want."""

    def __init__(self, dsn: str, notified: str, mailboxes: Mailboxes) -> None:
        super().__init__(mailboxes)
        self._publisher = Publisher(dsn, notified, self._free_link)
        self._listener = Listener(dsn, notified, self._publisher.sender, mailboxes, self.tell_gap)
        self._markers: set[Mailbox] = set()
        self.on_gap(self._release_markers)

    async def hear(self, to: Address) -> None:
        await self._listener.listening()
        if to.kind is Kind.GROUP:
            await self._catch_up()

    def ignore(self, to: Address) -> None:
        """Nothing to do: the mailboxes no longer want it."""

    def publish(self, to: Address, body: bytes, *, at_once: bool = True) -> asyncio.Future[None]:
        return self._publisher.publish(to, body, at_once=at_once)

    def _free_link(self) -> Link | None:
        return self._listener.free_link()

    async def close(self) -> None:
        await self._listener.close()
        await self._publisher.close()

    async def _catch_up(self) -> None:
        """Returns when everything published before has been delivered here: a marker is published, and comes last."""
        channel = f"marker!{uuid.uuid4().hex}"
        marker = self.mailboxes.open(channel)
        self._markers.add(marker)
        try:
            await self._publisher.publish(Address(Kind.CHANNEL, channel), MARK, at_once=True)
            await marker.take()
        finally:
            self._markers.discard(marker)
            self.mailboxes.close(channel)

    def _release_markers(self) -> None:
        """What was published before a gap will not come any more, nor will markers."""
        for marker in self._markers:
            marker.put(MARK)
