"""Connections to PostgreSQL that last as long as their event loop, and notice soon when the other side has gone."""

from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from realtime.layers.retrying import PATIENCE

Session: TypeAlias = AsyncConnection[TupleRow]

# What another session may mend.
BROKEN = (psycopg.Error, OSError, TimeoutError)


async def connect(dsn: str) -> Session:
    try:
        return await AsyncConnection.connect(
            dsn,
            autocommit=True,
            connect_timeout=int(PATIENCE),
            application_name="conclave layer",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
    except BaseException as error:
        # Who is cancelled half-way holds a connection in the frames below, open as long as anybody keeps the error.
        raise error.with_traceback(None) from None
