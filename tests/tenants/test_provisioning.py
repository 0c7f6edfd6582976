"""Schemas: made alike, never shared, small."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connection, connections, transaction

from tenants import census, provisioning, upgrading
from tenants.blueprint import TEMPLATE
from tenants.models import ReadySchema
from tenants.provisioning import schema_version
from tests.cast import Org
from tests.tenants.catalogue import fingerprint, schemas, tables

pytestmark = pytest.mark.usefixtures("database")


def test_a_made_schema_is_like_a_migrated_one_down_to_the_names_of_constraints() -> None:
    migrated = "o_migrated00"
    run(f"DROP SCHEMA IF EXISTS {migrated} CASCADE")
    run(f"CREATE SCHEMA {migrated}")
    upgrading.migrate(migrated)

    made = provisioning.make_schema()

    assert len(fingerprint(made)) > 200
    assert fingerprint(made) == fingerprint(migrated)
    run(f"DROP SCHEMA {migrated} CASCADE")


def test_the_migrations_of_the_apps_leave_no_rows_that_the_blueprint_would_lack() -> None:
    migrated = "o_migrated01"
    run(f"CREATE SCHEMA {migrated}")
    upgrading.migrate(migrated)

    filled = [table for table in tables(migrated) if count(migrated, table)]

    run(f"DROP SCHEMA {migrated} CASCADE")
    assert filled == ["django_migrations"]


def test_a_made_schema_knows_its_migrations_and_has_nothing_left_to_apply() -> None:
    made = provisioning.make_schema()
    before = fingerprint(made)

    upgrading.migrate(made)

    assert fingerprint(made) == before
    assert count(made, "django_migrations") >= schema_version()


def test_names_are_opaque_and_all_different() -> None:
    names = [provisioning.make_schema() for _ in range(3)]

    assert len(set(names)) == 3
    assert all(re.fullmatch(r"o_[a-z2-7]{10}", name) for name in names)


def test_the_template_is_gone_when_the_blueprint_is_drawn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [TEMPLATE])
        assert cursor.fetchone() == (0,)


def test_a_schema_is_small(acme: Org) -> None:
    (entry,) = [entry for entry in census.take() if entry.slug == acme.space.slug]

    assert 10 < entry.tables <= 30
    assert 0 < entry.bytes <= 2 * 1024 * 1024


def test_the_pool_is_filled_to_its_size_and_not_beyond() -> None:
    ReadySchema.objects.all().delete()

    provisioning.fill_pool()
    provisioning.fill_pool()

    ready = list(ReadySchema.objects.values_list("schema_name", flat=True))
    assert len(ready) == settings.POOL_SIZE
    assert set(ready) <= schemas()


def test_several_who_fill_the_pool_at_once_do_not_overfill_it() -> None:
    ReadySchema.objects.all().delete()
    together = Barrier(3)

    def fill() -> None:
        together.wait()
        try:
            provisioning.fill_pool()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as three:
        for each in [three.submit(fill) for _ in range(3)]:
            each.result()

    assert ReadySchema.objects.count() == settings.POOL_SIZE


def test_who_claims_at_once_gets_different_schemas_and_nobody_waits() -> None:
    provisioning.fill_pool()
    both_hold_one = Barrier(2, timeout=60)

    def claim() -> str:
        try:
            with transaction.atomic():
                name = provisioning.claim().schema_name
                both_hold_one.wait()
                return name
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as two:
        names = [each.result() for each in [two.submit(claim), two.submit(claim)]]

    assert len(set(names)) == 2
    assert not ReadySchema.objects.filter(pk__in=names).exists()


def test_a_claim_that_is_taken_back_leaves_the_schema_in_the_pool() -> None:
    provisioning.fill_pool()
    before = set(ReadySchema.objects.values_list("schema_name", flat=True))

    with transaction.atomic():
        claimed = provisioning.claim().schema_name
        transaction.set_rollback(True)

    assert claimed in before
    assert set(ReadySchema.objects.values_list("schema_name", flat=True)) == before


def test_a_schema_behind_the_code_is_not_given_away() -> None:
    provisioning.fill_pool()
    ReadySchema.objects.update(version=schema_version() - 1)
    stale = set(ReadySchema.objects.values_list("schema_name", flat=True))

    with transaction.atomic():
        claimed = provisioning.claim()

    assert claimed.schema_name not in stale
    assert claimed.version == schema_version()
    ReadySchema.objects.update(version=schema_version())


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def count(schema_name: str, table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {schema_name}.{table}")
        (rows,) = cursor.fetchone()
        return int(rows)
