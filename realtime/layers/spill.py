"""The tables for bodies that are too long for a notification: unlogged, short-lived, made where they are missing.

Three, taken in turn for a minute each. What is in the next one is at least a minute old, its readers were told in the
transaction that wrote it, and it is emptied whole: TRUNCATE leaves nothing to vacuum.
"""

from collections.abc import Sequence

from realtime.layers.letters import Letter
from realtime.layers.sessions import Session

# Two processes that make a table at once collide in spite of IF NOT EXISTS, so they take turns under this number.
TURN = 5_118_230_417

TABLES = [f"conclave_layer.spill_{number}" for number in range(3)]
MAKE = f"""
    SELECT pg_advisory_xact_lock({TURN});
    CREATE SCHEMA IF NOT EXISTS conclave_layer;
""" + "".join(
    f"""
    CREATE UNLOGGED TABLE IF NOT EXISTS {table} (
        sender text NOT NULL,
        number bigint NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (sender, number)
    );
"""
    for table in TABLES
)
MINUTE = "floor(extract(epoch FROM clock_timestamp()) / 60)::bigint"
NOW = f"SELECT {MINUTE} %% 3"
# A batch that is tried again may have been written already.
WRITE = "INSERT INTO {} SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) ON CONFLICT DO NOTHING"
READ = " UNION ALL ".join(
    f"SELECT body FROM {table} WHERE sender = %(sender)s AND number = %(number)s" for table in TABLES
)
# The number is found where it is used: a process that was stopped in between must not empty the table in use.
EMPTY_THE_NEXT = f"""
    DO $$ BEGIN
        SET LOCAL lock_timeout = '1s';
        EXECUTE format('TRUNCATE conclave_layer.spill_%s', ({MINUTE} + 1) % 3);
    END $$
"""


class Spill:
    """Writes through one session; make another for another session."""

    def __init__(self) -> None:
        self._made = False
        self._table: int | None = None
        self._is_new_minute = False

    async def write(self, session: Session, letters: Sequence[Letter]) -> None:
        """To be called in the transaction that notifies the readers."""
        if not self._made:
            await session.execute(MAKE)
            self._made = True
        row = await (await session.execute(NOW, ())).fetchone()
        assert row
        self._is_new_minute = self._table != row[0]
        self._table = row[0]
        columns = [x.sender for x in letters], [x.number for x in letters], [x.body for x in letters]
        await session.execute(WRITE.format(TABLES[row[0]]), columns)

    async def prune(self, session: Session) -> None:
        if self._is_new_minute:
            self._is_new_minute = False
            await session.execute(EMPTY_THE_NEXT)


async def read(session: Session, sender: str, number: int) -> bytes | None:
    """None when the row is gone: the reader was too late, or the server has crashed and emptied the unlogged table."""
    row = await (await session.execute(READ, {"sender": sender, "number": number})).fetchone()
    return None if row is None else bytes(row[0])
