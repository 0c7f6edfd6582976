"""Who is online, as rows in public that all processes share. They are true as long as their process renews its lease.

A process that dies says nothing: its lease runs out, and its people are no longer online, unless they have come back
through another one.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

LEASE = 15.0  # seconds
LONG_DEAD = 60.0
OVERLAP = timedelta(seconds=10)  # read again: an earlier row may have been committed later

People = frozenset[int]


@dataclass(frozen=True, slots=True)
class Reading:
    at: datetime | None  # by the database's clock; None: nobody is alive yet
    alive: set[str]
    rows: list[tuple[str, str, People]]  # process, organisation, people


def exchange(process: str, mine: Mapping[str, People], keys: Iterable[str], since: datetime | None) -> Reading:
    """Renew the lease, write what may have changed here, read what has changed elsewhere in these organisations.

    One statement, whose reading is of the moment before the writing. `since` None: read everything.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH renewed AS (
                INSERT INTO realtime_process (name, lease)
                VALUES (%(process)s, now() + make_interval(secs => %(lease)s))
                ON CONFLICT (name) DO UPDATE SET lease = excluded.lease
            ), written AS (
                INSERT INTO realtime_online (process_id, key, people, at)
                SELECT %(process)s, key, people, now()
                FROM jsonb_to_recordset(%(mine)s::jsonb) AS mine(key text, people bigint[])
                ON CONFLICT (key, process_id) DO UPDATE SET people = excluded.people, at = excluded.at
                WHERE realtime_online.people <> excluded.people
            )
            SELECT now(), process.name, online.key, online.people
            FROM realtime_process process
            LEFT JOIN realtime_online online ON online.process_id = process.name AND online.key = ANY(%(keys)s)
                AND online.at >= coalesce(%(since)s::timestamptz, '-infinity')
            WHERE process.lease > now()
            """,
            {
                "process": process,
                "lease": LEASE,
                "mine": json.dumps([{"key": key, "people": sorted(people)} for key, people in mine.items()]),
                "keys": list(keys),
                "since": since and since - OVERLAP,
            },
        )
        found = cursor.fetchall()
    return Reading(
        at=found[0][0] if found else None,
        alive={name for _, name, _, _ in found},
        rows=[(name, key, frozenset(people)) for _, name, key, people in found if key is not None],
    )


def online(key: str) -> dict[str, People]:
    """Everybody of an organisation who is online now, by the process that holds them. From any schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT process_id, people FROM public.realtime_online"
            " JOIN public.realtime_process ON name = process_id WHERE key = %s AND lease > now()",
            [key],
        )
        return {process: frozenset(people) for process, people in cursor.fetchall()}


def sweep(process: str) -> None:
    """Forget processes long dead, and rows of this one that have been empty for so long that everybody knows."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH dead AS (
                SELECT name FROM realtime_process
                WHERE lease < now() - make_interval(secs => %(long)s) FOR UPDATE SKIP LOCKED
            ), rows AS (
                DELETE FROM realtime_online WHERE process_id IN (SELECT name FROM dead)
                    OR (process_id = %(process)s AND people = '{}' AND at < now() - 2 * make_interval(secs => %(long)s))
            )
            DELETE FROM realtime_process WHERE name IN (SELECT name FROM dead)
            """,
            {"process": process, "long": LONG_DEAD},
        )
