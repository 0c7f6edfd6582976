"""Checks of the database that `conclave doctor` runs: what would let one organisation read another's rows."""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection
from psycopg import sql

FIRST, SECOND = "conclave_first", "conclave_second"  # schemas that need not exist to be on a path

SHARED_SESSION = Error(
    "What one connection sets, another one finds: a pooler gives each transaction any server session.",
    hint="Point DATABASE_URL at PostgreSQL itself, or at a pooler in session mode.",
    id="tenants.E001",
)


@register(Tags.database)
def session_is_ours(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Two connections set different paths, in turn, and must each find their own again."""
    if "default" not in (databases or []):
        return []
    server = connection.get_connection_params()
    with psycopg.connect(**server, autocommit=True) as first, psycopg.connect(**server, autocommit=True) as second:
        return [] if keep_their_paths(first, second) else [SHARED_SESSION]


def keep_their_paths(first: psycopg.Connection[Any], second: psycopg.Connection[Any]) -> bool:
    for each, path in ((first, FIRST), (second, SECOND)):
        each.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(path)))
    return all(_path(each) == path for each, path in ((first, FIRST), (second, SECOND)) for _ in range(3))


def _path(of: psycopg.Connection[Any]) -> str:
    row = of.execute("SHOW search_path").fetchone()
    return str(row[0]) if row else ""
