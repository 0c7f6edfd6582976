"""Two server processes, one layer, and ways to hurt them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import psycopg
import pytest
import redis

from infra.local import Valkey
from realtime.layers import LAYERS
from tests.running import Running

LISTENERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (application_name = 'conclave layer' OR query LIKE 'LISTEN %')
"""


@dataclass(frozen=True)
class Installation:
    layer: str
    server: Running
    database: str
    broker: Valkey | None

    @classmethod
    @contextmanager
    def of(cls, layer: str, database: str, folders: pytest.TempPathFactory) -> Iterator[Self]:
        """Started as users start it, and ended afterwards. A Redis layer gets a broker of its own."""
        wish = {"LAYER": layer, "WORKERS": "2", "LIMITS": "unlimited", "DATABASE_URL": database}
        broker = Valkey(folders.mktemp("broker")) if LAYERS[layer].needs_redis else None
        if broker is not None:
            broker.start()
            wish["REDIS_URL"] = broker.url
        try:
            server = Running(folders.mktemp("data"), wish)
            try:
                yield cls(layer, server, database, broker)
            finally:
                server.stop()
        finally:
            if broker is not None:
                broker.stop()

    def kill_the_listeners(self) -> None:
        """The connections through which the layer hears are ended by the broker."""
        if self.broker is None:
            assert self._end_sessions(), "nobody listened"
            return
        with redis.Redis.from_url(self.broker.url) as client:
            killed = client.client_kill_filter(_type="pubsub") + client.client_kill_filter(_type="normal", skipme=True)
            assert killed, "nobody listened"

    def restart_the_broker(self) -> None:
        """PostgreSQL is the database as well, and other tests': there only the layer's sessions end, once more; if
        there are any, for the stock layer may not have come back from the first time."""
        if self.broker is None:
            self._end_sessions()
        else:
            self.broker.stop()
            self.broker.start()

    def _end_sessions(self) -> int:
        with psycopg.connect(self.database) as connection:
            return len(connection.execute(LISTENERS).fetchall())

    def kill_a_process(self) -> None:
        """kill -9 of the one that has lived longest, so each in its turn; the supervisor starts another. Returns when
        it is dead."""
        killed = self.server.server_processes()[0]
        os.kill(killed, signal.SIGKILL)
        while killed in self.server.server_processes():
            time.sleep(0.01)
