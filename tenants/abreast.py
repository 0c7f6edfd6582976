"""One statement over the tables of many organisations: for the audit, which looks at all of them once a minute.

The only place where a schema's name is written into SQL. It is one that we have made (`o_` and the key) and is quoted
as an identifier; the rows say whose they are, and the statement sees no table but those it names.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import ProgrammingError, connection
from psycopg.sql import SQL, Identifier, Literal

from tenants.directory import Space

AT_ONCE = 50  # organisations in one statement: each table in it takes a place among the server's locks

log = logging.getLogger("conclave.abreast")

Row = tuple[Any, ...]


def select(query: str, asked: Mapping[Space, Any]) -> list[Row]:
    """Rows of a query in each of these organisations. It names their `{schema}` and `{key}`, and `{asked}` of each.

    Call it in the public schema. An organisation whose tables are not there any more has no rows.
    """
    spaces = list(asked)
    found: list[Row] = []
    for start in range(0, len(spaces), AT_ONCE):
        some = spaces[start : start + AT_ONCE]
        try:
            found += _rows(query, some, asked)
        except ProgrammingError:
            found += [row for space in some for row in _rows_of_one(query, space, asked)]
    return found


def _rows_of_one(query: str, space: Space, asked: Mapping[Space, Any]) -> list[Row]:
    try:
        return _rows(query, [space], asked)
    except ProgrammingError as error:  # erased, or being upgraded
        log.warning("%s cannot be looked at: %s", space.schema_name, str(error).splitlines()[0])
        return []


def _rows(query: str, spaces: Sequence[Space], asked: Mapping[Space, Any]) -> list[Row]:
    parts = [
        SQL(query).format(schema=Identifier(space.schema_name), key=Literal(space.key), asked=Literal(asked[space]))
        for space in spaces
    ]
    with connection.cursor() as cursor:
        cursor.execute(SQL(" UNION ALL ").join(parts).as_string(None))
        return list(cursor.fetchall())
