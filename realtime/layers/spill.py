"""The table for bodies that are too long for a notification: unlogged, short-lived, made where it is missing."""

from collections.abc import Sequence
from time import monotonic

from realtime.layers.letters import Letter
from realtime.layers.sessions import Session

# The readers are told in the same transaction, and read at once.
KEPT_FOR = "2 minutes"
PRUNED_EVERY = 60.0

# Two processes that make a table at once collide in spite of IF NOT EXISTS, so they take turns under this number.
TURN = 5_118_230_417

MAKE = f"""
    SELECT pg_advisory_xact_lock({TURN});
    CREATE SCHEMA IF NOT EXISTS conclave_layer;
    CREATE UNLOGGED TABLE IF NOT EXISTS conclave_layer.spill (
        sender text NOT NULL,
        number bigint NOT NULL,
        body bytea NOT NULL,
        written timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (sender, number)
    );
    CREATE INDEX IF NOT EXISTS spill_written ON conclave_layer.spill (written);
"""
# A batch that is tried again may have been written already.
WRITE = """
    INSERT INTO conclave_layer.spill (sender, number, body)
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bytea[]) ON CONFLICT DO NOTHING
"""
READ = "SELECT body FROM conclave_layer.spill WHERE sender = %s AND number = %s"
PRUNE = f"DELETE FROM conclave_layer.spill WHERE written < now() - interval '{KEPT_FOR}'"


class Spill:
    """Writes through one session; make another for another session."""

    def __init__(self) -> None:
        self._made = False
        self._pruned_at = -PRUNED_EVERY

    async def write(self, session: Session, letters: Sequence[Letter]) -> None:
        """To be called in the transaction that notifies the readers."""
        if not self._made:
            await session.execute(MAKE)
            self._made = True
        columns = [x.sender for x in letters], [x.number for x in letters], [x.body for x in letters]
        await session.execute(WRITE, columns)

    async def prune(self, session: Session) -> None:
        if monotonic() - self._pruned_at > PRUNED_EVERY:
            self._pruned_at = monotonic()
            await session.execute(PRUNE)


async def read(session: Session, sender: str, number: int) -> bytes | None:
    """None when the row is gone: the reader was too late, or the server has crashed and emptied the unlogged table."""
    row = await (await session.execute(READ, (sender, number))).fetchone()
    return None if row is None else bytes(row[0])
