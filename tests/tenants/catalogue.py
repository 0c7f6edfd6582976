"""What a schema is made of, as the database itself tells it; the same for two that differ in name alone."""

import re

from django.db import connection

COLUMNS = """
    SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity
    FROM information_schema.columns WHERE table_schema = %s
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = %s::regnamespace
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = %s"
SEQUENCES = (
    "SELECT sequencename, data_type::text, start_value, max_value, last_value FROM pg_sequences WHERE schemaname = %s"
)
RELATIONS = "SELECT relname, relkind FROM pg_class WHERE relnamespace = %s::regnamespace"
FUNCTIONS = "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = %s::regnamespace"


def fingerprint(schema_name: str) -> list[str]:
    with connection.cursor() as cursor:
        lines = []
        for query in (COLUMNS, CONSTRAINTS, INDEXES, SEQUENCES, RELATIONS, FUNCTIONS):
            cursor.execute(query, [schema_name])
            lines += [_alike(str(row), schema_name) for row in cursor.fetchall()]
        return sorted(lines)


def _alike(text: str, schema_name: str) -> str:
    """Without the name; and without the parentheses and casts that the server adds to a list of constants when it
    reads its own writing again."""
    text = text.replace(schema_name, "…")
    return re.sub(r"[()]|::text(\[\])?|::character varying", "", text) if "ARRAY[" in text else text


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'o\\_%'")
        return {name for (name,) in cursor.fetchall()}


def tables(schema_name: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", [schema_name])
        return [name for (name,) in cursor.fetchall()]
