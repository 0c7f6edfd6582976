"""The known traps of a schema per organisation, each set on purpose. None may snap."""

import asyncio
import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.exceptions import SynchronousOnlyOperation
from django.db import OperationalError, ProgrammingError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from tenants import checks, organizations
from tenants.directory import Space
from tenants.people.models import User
from tenants.schema import SOCKETS, current_key, entered, in_public, in_tenant
from tests.cast import Org
from tests.tenants.catalogue import tables
from tests.tenants.visitors import Visitor

PACKAGES = ("saas", "tenants", "realtime", "billing")


def owner() -> str:
    return User.objects.get().email


def expected(org: Org) -> str:
    return org.owner.actor.email


# The tenant is set in the very call that queries, whatever runs beside it.


async def test_calls_of_two_organisations_never_cross_however_they_interleave(acme: Org, globex: Org) -> None:
    orgs = random.Random(1).choices([acme, globex], k=300)

    found = await asyncio.gather(*(in_tenant(org.space, owner) for org in orgs))

    assert found == [expected(org) for org in orgs]


async def test_no_schema_can_be_entered_on_the_event_loop(acme: Org) -> None:
    with pytest.raises(RuntimeError, match="in_tenant"), entered(acme.space.schema_name):
        pass


def test_threads_that_enter_at_once_share_no_stack(acme: Org, globex: Org) -> None:
    together = Barrier(2, timeout=60)

    def visit(here: Org, there: Org) -> list[str]:
        try:
            with entered(here.space.schema_name):
                together.wait()
                with entered(there.space.schema_name):
                    together.wait()
                    inner = owner()
                together.wait()
                return [inner, owner()]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as two:
        both = [two.submit(visit, acme, globex), two.submit(visit, globex, acme)]

    assert [each.result() for each in both] == [
        [expected(globex), expected(acme)],
        [expected(acme), expected(globex)],
    ]
    assert connection.schema_name == "public"


def test_only_the_crossing_and_the_jobs_name_a_tenant_to_the_connection() -> None:
    switch = re.compile(r"set_tenant\(|set_schema\w*\(|schema_context|tenant_context|\.activate\(\)")
    root = Path(settings.ROOT)

    found = {
        str(path.relative_to(root))
        for package in PACKAGES
        for path in root.joinpath(package).rglob("*.py")
        if switch.search(path.read_text())
    }

    assert found == {"tenants/schema.py", "tenants/jobs.py", "tenants/db/base.py"}
    assert not hasattr(Space, "__enter__")


# What is derived from the connection is derived where the connection is right.


def test_the_cache_of_one_organisation_is_not_that_of_another(acme: Org, globex: Org) -> None:
    with entered(acme.space.schema_name):
        cache.set("who", "acme")
    with entered(globex.space.schema_name):
        assert cache.get("who") is None
        cache.set("who", "globex")
    with entered(acme.space.schema_name):
        assert cache.get("who") == "acme"


async def test_the_cache_cannot_be_asked_on_the_event_loop(acme: Org) -> None:
    with pytest.raises(SynchronousOnlyOperation):
        cache.get("who")


async def test_a_task_that_outlives_its_beginning_goes_where_it_is_sent(acme: Org, globex: Org) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def linger() -> tuple[str, str | None]:
        begun.set()
        await go_on.wait()
        return await in_tenant(globex.space, owner), await in_public(current_key)

    lingering = asyncio.create_task(linger())
    await begun.wait()
    await in_tenant(acme.space, owner)
    go_on.set()

    assert await lingering == (expected(globex), None)


async def test_a_wait_that_is_cancelled_leaves_its_thread_in_order(acme: Org, globex: Org) -> None:
    inside, may_end = Event(), Event()

    def hold() -> str:
        inside.set()
        may_end.wait(60)
        return owner()

    waits = [asyncio.create_task(in_tenant(acme.space, hold)) for _ in range(4)]
    await asyncio.to_thread(inside.wait, 60)
    for wait in waits:
        wait.cancel()
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    may_end.set()

    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert await left_behind() == {None}
    assert await in_tenant(globex.space, owner) == expected(globex)


async def left_behind() -> set[str | None]:
    """The organisations that the database threads still are in."""
    loop = asyncio.get_running_loop()
    return set(await asyncio.gather(*(loop.run_in_executor(SOCKETS, current_key) for _ in range(20))))


async def test_an_error_leaves_its_thread_in_order(acme: Org, globex: Org) -> None:
    def fail() -> None:
        User.objects.get(email="nobody@example.com")

    for _ in range(20):
        with pytest.raises(User.DoesNotExist):
            await in_tenant(acme.space, fail)

    assert await left_behind() == {None}
    assert await in_tenant(globex.space, owner) == expected(globex)


# The path that counts is the one that was sent.


def test_the_same_organisation_twice_costs_one_set_and_another_costs_another(acme: Org, globex: Org) -> None:
    with entered(acme.space.schema_name):
        with CaptureQueriesContext(connection) as first:
            owner()
            owner()
    with entered(globex.space.schema_name):
        with CaptureQueriesContext(connection) as second:
            owner()

    assert [acme.space.schema_name in path for path in sent_paths(first)] == [True]
    assert [globex.space.schema_name in path for path in sent_paths(second)] == [True]


def test_a_path_that_cannot_be_set_is_an_error_and_not_somebody_elses_rows(
    acme: Org, globex: Org, monkeypatch: pytest.MonkeyPatch
) -> None:
    with entered(globex.space.schema_name):
        assert owner() == expected(globex)
        execute = psycopg.ClientCursor.execute

        def fail_to_set(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            if str(query).startswith("SET search_path"):
                raise psycopg.OperationalError("cancelled")
            return execute(self, query, *args, **kwargs)

        with entered(acme.space.schema_name):
            monkeypatch.setattr(psycopg.ClientCursor, "execute", fail_to_set)
            with pytest.raises((psycopg.OperationalError, OperationalError)):
                owner()
            monkeypatch.undo()
            assert owner() == expected(acme)
        assert owner() == expected(globex)


def test_a_rollback_takes_the_path_back_and_the_next_query_sets_it_again(acme: Org, globex: Org) -> None:
    with entered(globex.space.schema_name):
        owner()
    with entered(acme.space.schema_name):
        with transaction.atomic():
            assert owner() == expected(acme)
            transaction.set_rollback(True)  # the server is in globex again
        assert owner() == expected(acme)


def test_a_rollback_to_a_savepoint_takes_the_path_back_too(acme: Org, globex: Org) -> None:
    with entered(acme.space.schema_name), transaction.atomic():
        before = transaction.savepoint()
        with entered(globex.space.schema_name):
            assert owner() == expected(globex)
            transaction.savepoint_rollback(before)  # the server is in acme again
            assert owner() == expected(globex)


def sent_paths(captured: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in captured.captured_queries if "search_path" in query["sql"]]


# A pooler that gives each transaction another session would mix the paths up.


def test_the_doctor_finds_sessions_that_are_shared(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as first, psycopg.connect(database, autocommit=True) as second:
        assert checks.keep_their_paths(first, second)
        assert not checks.keep_their_paths(first, first)  # what two clients of such a pooler have

    assert checks.session_is_ours(databases=["default"]) == []
    assert checks.SHARED_SESSION.is_serious()


# Content types and permissions are public's alone: their cache is the process's.


def test_content_types_and_permissions_are_in_public_only(acme: Org) -> None:
    own, public = tables(acme.space.schema_name), tables("public")

    assert "django_content_type" in public
    assert [table for table in own if table.startswith(("django_content", "auth_", "procrastinate", "tenants_"))] == []


def test_asking_for_a_content_type_in_an_organisation_is_an_error_and_not_a_guess(acme: Org) -> None:
    ContentType.objects.clear_cache()

    with entered(acme.space.schema_name), pytest.raises(ProgrammingError):
        ContentType.objects.get_for_model(User)


def test_public_tables_are_out_of_sight_in_an_organisation(acme: Org) -> None:
    with entered(acme.space.schema_name), pytest.raises(ProgrammingError):
        organizations.Organization.objects.count()


# A host name is who it is, however it is written; an unknown one is nobody.


@pytest.mark.parametrize("spelling", [str.upper, lambda host: f"{host}.", lambda host: f"{host}.:8000"])
def test_a_host_is_found_however_it_is_written(acme: Org, spelling: Any) -> None:
    response = Visitor(acme.space.url).get("/api/v1/session", headers={"host": spelling(acme.space.host)})

    assert response.status_code == 401


@pytest.mark.parametrize(
    "host", ["nobody.localhost", "acme.localhost.evil.example", "127.0.0.1", "www.localhost", "a b"]
)
def test_an_unknown_host_is_refused_and_never_taken_for_the_public_site(acme: Org, host: str) -> None:
    response = Visitor(acme.space.url).get("/", headers={"host": host})

    assert response.status_code in (400, 404)
    assert response.json()["code"] in ("unknown_organization", "bad_host")
