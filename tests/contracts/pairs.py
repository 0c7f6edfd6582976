"""Two instances of a layer that share nothing but the broker, as two server processes do."""

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
import redis
from channels.layers import channel_layers
from django.utils.module_loading import import_string

from infra.local import Postgres, Valkey
from realtime.layers import Layer
from realtime.layers.tenant import TenantChannelLayer, current_key

ACME, GLOBEX = "acme000000", "globex0000"
# Seconds: what is not there by then is not coming.
PATIENCE = 20.0


class Speaking:
    """A bound layer as the code of one organisation uses it."""

    def __init__(self, layer: TenantChannelLayer, key: str) -> None:
        self._layer = layer
        self._key = key

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any) -> Any:
            token = current_key.set(self._key)
            try:
                return await getattr(self._layer, name)(*arguments)
            finally:
                current_key.reset(token)

        return call


@dataclass(frozen=True)
class Pair:
    layer: Layer
    sender: Any
    receiver: Any

    @property
    def is_bound(self) -> bool:
        return isinstance(self.receiver, Speaking)

    async def channel(self, *groups: str) -> str:
        """A channel of the receiver that hears what is sent to it and to these groups."""
        channel: str = await self.receiver.new_channel()
        for group in groups:
            await self.receiver.group_add(group, channel)
        if not self.layer.hears_from_the_join_on:
            await self._until_it_hears(channel)
        return channel

    async def hear(self, channel: str) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self.receiver.receive(channel)

    async def hear_all(self, channel: str) -> list[Any]:
        """All that has been sent to this channel so far; with an unlimited layer or one that is not full."""
        await self.sender.send(channel, {"type": "that.is.all"})
        heard = []
        while (event := await self.hear(channel))["type"] != "that.is.all":
            heard.append(event)
        return heard

    async def settle(self, witness: str) -> None:
        """Returns when what was sent before has arrived: the witness hears what is sent last."""
        if not self.layer.shares_capacity:
            await self.sender.send(witness, {"type": "that.is.all"})
            await self.hear(witness)

    async def hears_again(self, reader: asyncio.Task[Any], group: str) -> bool:
        """Whether a reader who is waiting hears one of many attempts to tell the group something."""
        attempts = 200 if self.layer.hears_after_lost_connections else 20
        for _ in range(attempts):
            with suppress(Exception):  # The sender's connections are gone as well.
                await self.sender.group_send(group, {"type": "are.you.there"})
            if (await asyncio.wait([reader], timeout=0.1))[0]:
                return reader.exception() is None
        reader.cancel()
        await asyncio.wait([reader])
        return False

    async def _until_it_hears(self, channel: str) -> None:
        """The broker takes subscriptions in order, so the last one stands for all."""
        probe = f"probe-{next(PROBES)}"
        await self.receiver.group_add(probe, channel)
        reader = asyncio.create_task(self.receiver.receive(channel))
        while not reader.done():
            await self.sender.group_send(probe, {"type": "probe"})
            await asyncio.wait([reader], timeout=0.1)
        await self.receiver.group_discard(probe, channel)
        await self.hear_all(channel)


PROBES = itertools.count()


def instance(layer: Layer, database_url: str, redis_url: str, **options: Any) -> Any:
    return import_string(layer.backend)(**layer.config(database_url, redis_url) | options)


def bound(layer: Layer, inner: Any) -> TenantChannelLayer:
    alias = f"wire-{id(inner)}"
    channel_layers.set(alias, inner)
    return TenantChannelLayer(inner=alias, closed_by=layer.closed_by)


class Broker(Protocol):
    def drop_connections(self) -> None: ...
    def restart(self) -> None: ...
    def has_a_listener(self) -> bool: ...


@dataclass(frozen=True)
class PostgresBroker:
    server: Postgres

    def drop_connections(self) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def restart(self) -> None:
        self.server.stop()
        self.server.start()

    def has_a_listener(self) -> bool:
        with psycopg.connect(self.server.url) as session:
            ours_or_stock = "application_name = 'conclave layer' OR query LIKE 'LISTEN %'"
            listening = session.execute(f"SELECT FROM pg_stat_activity WHERE {ours_or_stock}")
            return listening.fetchone() is not None


@dataclass(frozen=True)
class RedisBroker:
    server: Valkey

    def drop_connections(self) -> None:
        with redis.Redis.from_url(self.server.url) as session:
            for kind in ("normal", "pubsub"):
                session.client_kill_filter(_type=kind, skipme=True)

    def restart(self) -> None:
        self.server.stop()
        self.server.start()

    def has_a_listener(self) -> bool:
        with redis.Redis.from_url(self.server.url) as session:
            return any("b" in client["flags"] or int(client["sub"]) for client in session.client_list())
