"""Schemas for organisations: how they are made, and the pool of ready ones that signing up takes from.

A schema is made in one round trip (25 ms) from the blueprint of this version (tenants.blueprint). Its name is random,
final and never used again, so no connection that still has it on its path can ever see somebody else's rows.
"""

from functools import cache, lru_cache

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from tenants import jobs
from tenants.blueprint import TEMPLATE
from tenants.models import Blueprint, ReadySchema, new_key


class NotUpgraded(Exception):
    """This code's schema has not been drawn yet in this database."""


def tenant_labels() -> list[str]:
    """The labels of the apps that have their tables in each organisation's schema."""
    return [app.label for app in apps.get_app_configs() if app.name in settings.TENANT_APPS]


@cache
def schema_version() -> int:
    """How many migrations an organisation's schema has when it is level with this code.

    Migrations are only ever added, so it only grows: a schema behind it lacks something, one ahead of it lacks nothing.
    """
    labels = tenant_labels()
    return sum(app in labels for app, _ in MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def make_schema() -> str:
    """A new, empty schema of this version; its name. All or nothing, also outside a transaction."""
    name = f"o_{new_key()}"
    with connection.cursor() as cursor:
        cursor.execute(_blueprint(schema_version()).replace(TEMPLATE, name))
    return name


@lru_cache(maxsize=2)
def _blueprint(version: int) -> str:
    drawn = Blueprint.objects.filter(version=version).first()
    if drawn is None:
        raise NotUpgraded("The database is behind this code: run `conclave upgrade`.")
    return drawn.sql


def claim() -> ReadySchema:
    """A schema that is nobody's and now the caller's, if its transaction commits; else it stays in the pool.

    Two callers never get the same one, and neither waits for the other. An empty pool costs the caller the making.
    """
    ready = ReadySchema.objects.filter(version__gte=schema_version()).order_by("made_at")
    taken = ready.select_for_update(skip_locked=True).first()
    if taken is None:
        return ReadySchema(schema_name=make_schema(), version=schema_version())
    ReadySchema.objects.filter(pk=taken.pk).delete()
    return taken


def fill_pool() -> None:
    """Brings the pool up to its size."""
    while _add_to_pool():
        pass


@jobs.for_everybody(every="* * * * *")
def keep_pool_filled() -> None:
    """Run by the clock, and after each sign-up."""
    fill_pool()


def _add_to_pool() -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('conclave.pool'))")  # two workers would overfill it
        if ReadySchema.objects.filter(version__gte=schema_version()).count() >= settings.POOL_SIZE:
            return False
        ReadySchema.objects.create(schema_name=make_schema(), version=schema_version())
        return True
