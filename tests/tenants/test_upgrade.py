"""Upgrading: whatever is behind catches up, one after the other, and one that cannot holds up nobody."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings

from tenants import provisioning, upgrading
from tenants.models import Blueprint, Control, Organization, ReadySchema
from tenants.provisioning import schema_version
from tenants.schema import entered
from tests.cast import PASSWORD, Org
from tests.tenants.catalogue import tables
from tests.tenants.visitors import Visitor

PATIENCE = 60.0  # seconds


@pytest.fixture(autouse=True)
def _level_again(database: str) -> Iterator[None]:
    yield
    upgrade()


def upgrade() -> str:
    told = io.StringIO()
    call_command("upgrade", stdout=told, stderr=told)
    return told.getvalue()


def set_back(schema_name: str) -> None:
    """Takes one app's tables away, as if its migrations had just been written."""
    with entered(schema_name):
        MigrationExecutor(connection).migrate([("mfa", None)])
        upgrading.note_version()
    assert "mfa_authenticator" not in tables(schema_name)


def version(org: Org) -> int:
    return Organization.objects.get(pk=org.space.id).version


def test_where_nothing_is_behind_nothing_is_done(acme: Org) -> None:
    assert upgrade() == ""
    assert upgrading.behind() == []


def test_organizations_and_pool_catch_up_and_the_processes_are_told(acme: Org, globex: Org) -> None:
    provisioning.fill_pool()
    ready = ReadySchema.objects.earliest("made_at").schema_name
    for name in (acme.space.schema_name, ready):
        set_back(name)
    Control.objects.all().delete()

    told = upgrade()

    assert "Upgraded 2 of 2 organisations." in told
    assert version(acme) == version(globex) == schema_version()
    assert ReadySchema.objects.get(pk=ready).version == schema_version()
    assert all("mfa_authenticator" in tables(name) for name in (acme.space.schema_name, ready))
    assert set(Control.objects.values_list("key", "what")) == {(acme.key, "organization")}


def test_one_that_is_behind_is_refused_until_it_has_caught_up(acme: Org) -> None:
    set_back(acme.space.schema_name)

    behind = Visitor(acme.space.url).session()
    upgrade()

    assert (behind.status_code, behind.json()["code"]) == (503, "upgrading")
    assert Visitor(acme.space.url).session().status_code == 401


def test_one_that_is_ahead_is_served(acme: Org) -> None:
    Organization.objects.filter(pk=acme.space.id).update(version=schema_version() + 1)

    assert Visitor(acme.space.url).session().status_code == 401
    Organization.objects.filter(pk=acme.space.id).update(version=schema_version())


def test_one_that_cannot_be_upgraded_is_named_and_the_others_are_not_held_up(acme: Org, globex: Org) -> None:
    for org in (acme, globex):
        set_back(org.space.schema_name)
    obstacle = f"{acme.space.schema_name}.mfa_authenticator"
    run(f"CREATE TABLE {obstacle} (id int)")

    with pytest.raises(CommandError, match=acme.space.schema_name):
        upgrade()

    assert version(acme) < schema_version() == version(globex)
    run(f"DROP TABLE {obstacle}")
    upgrade()
    assert version(acme) == schema_version()


def test_an_interrupted_upgrade_goes_on_behind_the_last_whole_migration(
    acme: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_back(acme.space.schema_name)
    before = version(acme)
    apply, applied = upgrading._Migrating.apply_migration, []

    def only_one(self, state, migration, *args, **kwargs):  # type: ignore[no-untyped-def]
        if applied:
            raise KeyboardInterrupt
        applied.append(migration.name)
        return apply(self, state, migration, *args, **kwargs)

    monkeypatch.setattr(upgrading._Migrating, "apply_migration", only_one)
    with pytest.raises(KeyboardInterrupt):
        upgrade()
    monkeypatch.undo()

    assert version(acme) == before + 1
    upgrade()
    assert version(acme) == schema_version()


def test_a_migration_its_record_and_the_version_are_one(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    set_back(acme.space.schema_name)
    before = version(acme)

    def stumble() -> None:
        raise RuntimeError("stumbled")

    monkeypatch.setattr(upgrading, "note_version", stumble)
    with pytest.raises(CommandError):
        upgrade()
    monkeypatch.undo()

    assert version(acme) == before
    assert "mfa_authenticator" not in tables(acme.space.schema_name)


def test_a_second_upgrade_waits_for_the_first(acme: Org) -> None:
    set_back(acme.space.schema_name)

    def second() -> str:
        try:
            return upgrade()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as other:
        with upgrading.alone():
            waiting = other.submit(second)
            wait_until_somebody_waits_for_a_lock()
            upgrading.migrate(acme.space.schema_name)
        assert waiting.result(PATIENCE) == ""


def wait_until_somebody_waits_for_a_lock() -> None:
    patience = monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while monotonic() < patience:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            if cursor.fetchone() != (0,):
                return
    raise AssertionError("nobody waited")


@pytest.mark.parametrize("program", ["/nowhere/pg_dump", "/bin/false"])
def test_without_a_pg_dump_that_works_one_sentence_says_what_to_do(database: str, program: str) -> None:
    drawn = erased_blueprint()
    try:
        with override_settings(PG_DUMP=program), pytest.raises(CommandError, match="CONCLAVE_PG_DUMP"):
            upgrade()
    finally:
        Blueprint.objects.create(version=schema_version(), sql=drawn)


def test_without_an_upgrade_no_schema_can_be_made_and_nobody_signs_up(database: str) -> None:
    drawn = erased_blueprint()
    provisioning._blueprint.cache_clear()
    try:
        with pytest.raises(provisioning.NotUpgraded, match="conclave upgrade"):
            provisioning.make_schema()
        ReadySchema.objects.all().delete()
        told = {"name": "Nova", "slug": "too-early", "email": "nora@example.com", "password": PASSWORD}
        refused = Visitor(settings.PUBLIC_URL).call("POST", "/organizations", told)
        assert (refused.status_code, refused.json()["code"]) == (503, "upgrading")
        assert refused.headers["retry-after"] == "30"
    finally:
        Blueprint.objects.create(version=schema_version(), sql=drawn)


def erased_blueprint() -> str:
    drawn = Blueprint.objects.get(version=schema_version()).sql
    Blueprint.objects.all().delete()
    return drawn


def test_the_version_counts_the_migrations_of_the_apps_in_each_schema(acme: Org) -> None:
    assert {"people", "sessions", "account", "chat", "notices"} <= set(provisioning.tenant_labels())
    assert "procrastinate" not in provisioning.tenant_labels()
    assert "realtime.chat" in settings.TENANT_APPS
    assert version(acme) == schema_version() > 10


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
