"""The blueprint: the statements that make an organisation's schema, dumped from a template that was migrated.

Names of constraints and indexes come out as the migrations gave them, so that later migrations find them. The
blueprint holds tables, not rows: what a new organisation starts with is made by the receivers of signals.founded.
"""

import os
import re
import subprocess

from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from tenants.schema import entered

TEMPLATE = "zz_template_zz"  # a name that stands for nothing else in the whole text

# Of the dump, what speaks to the session that reads it, or to psql, instead of making something.
_NOT_STATEMENTS = ("--", "SET ", "SELECT pg_catalog", "\\")


class CannotDump(Exception):
    """pg_dump is missing, too old or was refused. One sentence for the operator."""


def statements_of(schema_name: str) -> str:
    """What makes a schema like this one under the name TEMPLATE, and notes the migrations that it holds."""
    dumped = "\n".join(line for line in dump(schema_name).splitlines() if not line.startswith(_NOT_STATEMENTS))
    text, places = re.subn(rf"\b{re.escape(schema_name)}\b(?=[.;])", TEMPLATE, dumped)
    if places != dumped.count(schema_name):
        raise CannotDump(f"The schema's own name {schema_name} stands inside one of its defaults or functions.")
    return text + _applied(schema_name)


def dump(schema_name: str) -> str:
    """pg_dump's text of one schema, without rows."""
    what = [f"--schema={schema_name}", "--schema-only", "--no-owner", "--no-privileges", "--no-comments"]
    try:
        done = subprocess.run(
            [settings.PG_DUMP, *what, f"--dbname={_server()}"],
            env=os.environ | _password(),
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise CannotDump("pg_dump is missing: install PostgreSQL's client tools, or set CONCLAVE_PG_DUMP.") from error
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"{settings.PG_DUMP} failed"])[0]
        raise CannotDump(f"{why}. CONCLAVE_PG_DUMP may name a pg_dump as new as the server.")
    return done.stdout


def _server() -> str:
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} - {"password"}
    return make_conninfo(**{name: value for name, value in connection.get_connection_params().items() if name in known})


def _password() -> dict[str, str]:
    """In the environment: an argument would show among the processes."""
    password = connection.get_connection_params().get("password")
    return {"PGPASSWORD": password} if password else {}


def _applied(schema_name: str) -> str:
    with entered(schema_name):
        applied = MigrationRecorder(connection).applied_migrations()
    rows = sql.SQL(", ").join(sql.SQL("({}, {}, now())").format(app, name) for app, name in sorted(applied))
    insert = sql.SQL("\nINSERT INTO {}.django_migrations (app, name, applied) VALUES {};\n")
    return insert.format(sql.SQL(TEMPLATE), rows).as_string()
