"""Connections to PostgreSQL that last as long as their event loop, and notice soon when the other side has gone."""

from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Session: TypeAlias = AsyncConnection[TupleRow]

# What another session may mend.
BROKEN = (psycopg.Error, OSError, TimeoutError)

# Seconds without an answer after which the other side is taken for gone, though nothing has closed the connection.
PATIENCE = 10.0


async def connect(dsn: str) -> Session:
    return await AsyncConnection.connect(
        dsn,
        autocommit=True,
        connect_timeout=int(PATIENCE),
        application_name="conclave layer",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
