"""Bringing schemas up to this code, one after the other, from wherever the last upgrade stopped."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from tenants import control
from tenants.blueprint import TEMPLATE, statements_of
from tenants.models import Blueprint, Organization, ReadySchema
from tenants.people import workspaces
from tenants.provisioning import schema_version, tenant_labels
from tenants.schema import entered


def behind() -> list[str]:
    """The schemas that lack something this code needs: the pool's, then the organisations', the oldest first."""
    version = schema_version()
    ready = ReadySchema.objects.filter(version__lt=version).order_by("made_at")
    taken = Organization.objects.filter(version__lt=version).order_by("pk")
    return [*ready.values_list("schema_name", flat=True), *taken.values_list("schema_name", flat=True)]


def draw_blueprint() -> bool:
    """Make the template anew, keep what makes another like it, and drop it: nothing stays that could go stale.

    False: this version's blueprint was there already.
    """
    if Blueprint.objects.filter(version=schema_version()).exists():
        return False
    _run(f"DROP SCHEMA IF EXISTS {TEMPLATE} CASCADE")
    _run(f"CREATE SCHEMA {TEMPLATE}")
    migrate(TEMPLATE)
    Blueprint.objects.create(version=schema_version(), sql=statements_of(TEMPLATE))
    _run(f"DROP SCHEMA {TEMPLATE} CASCADE")
    return True


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def migrate(schema_name: str) -> None:
    """Apply what this schema lacks. Stopped half-way, the next call goes on behind the last whole migration."""
    with entered(schema_name):
        executor = _Migrating(connection)
        labels = tenant_labels()
        executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] in labels])
        note_version()  # an interrupted one may have been complete already
        workspaces.gather()  # what was verified before there was a directory of it


class _Migrating(MigrationExecutor):
    """A migration, the record of it and the schema's new version commit together."""

    def apply_migration(self, state: ProjectState, migration: Migration, *args: Any, **kwargs: Any) -> ProjectState:
        with transaction.atomic() if migration.atomic else nullcontext():
            return super().apply_migration(state, migration, *args, **kwargs)

    def record_migration(self, *migration: Any, **how: Any) -> None:
        super().record_migration(*migration, **how)
        note_version()


def note_version() -> None:
    """Write down how far the schema that we are in has come, and tell the processes that refuse to serve it."""
    with connection.cursor() as cursor:
        applied = "SELECT current_schema(), count(*) FROM django_migrations WHERE app = ANY(%s)"
        cursor.execute(applied, [tenant_labels()])
        name, version = cursor.fetchone()
        for table in ("tenants_organization", "tenants_readyschema"):
            cursor.execute(
                f"UPDATE public.{table} SET version = %s WHERE schema_name = %s AND version <> %s",
                [version, name, version],
            )
            if cursor.rowcount and table == "tenants_organization":
                control.append(name.removeprefix("o_"), control.ORGANIZATION)


@contextmanager
def alone() -> Iterator[None]:
    """Only one upgrade of this database at a time; the second waits and then finds nothing left to do."""
    guard = connection.copy()  # of its own: migrating closes ours, and the lock would go with it
    try:
        with guard.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('conclave.upgrade'))")
        yield
    finally:
        guard.close()
