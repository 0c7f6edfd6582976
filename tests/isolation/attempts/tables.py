"""Reading rows of another schema."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.db import ProgrammingError, connections
from django.db.utils import OperationalError

from realtime.chat.models import Room
from tenants import mail, organizations
from tenants.models import Organization
from tenants.schema import entered, in_public, in_tenant
from tests.cast import founds
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_query_in_the_neighbours_schema(ring: Ring) -> None:
    async def reads(space: Any) -> None:
        title = await in_tenant(space.org.space, lambda: Room.objects.get(address="plans").title)
        assert title == f"Plans {space.canary}"

    await asyncio.gather(*(reads(space) for _ in range(100) for space in (ring.ours, ring.theirs)))


@attempt
async def a_table_that_only_public_has(ring: Ring) -> None:
    with pytest.raises(ProgrammingError):
        await in_tenant(ring.ours.org.space, Organization.objects.count)


@attempt
async def a_schema_that_could_not_be_set(ring: Ring) -> None:
    """The SET fails, as it does under a statement time-out: the query must not run where the last one did."""

    def read_twice() -> None:
        connection = connections["default"]
        assert Room.objects.get(address="plans").title.endswith(ring.ours.canary)
        with entered(ring.theirs.org.space.schema_name), patch.object(connection, "_cursor", _failing(connection)):
            with pytest.raises(OperationalError):
                Room.objects.get(address="plans")

    await in_tenant(ring.ours.org.space, read_twice)


def _failing(connection: Any) -> Callable[..., Any]:
    real = connection._cursor

    def cursor(*args: Any) -> Any:
        made = connection.create_cursor()

        class Refusing:
            def execute(self, sql: str) -> None:
                raise OperationalError("canceling statement due to statement timeout")

        connection._handle_search_path(Refusing())
        made.close()
        with patch.object(connection, "_handle_search_path", lambda cursor=None: None):
            return real(*args)

    return cursor


@attempt
async def a_job_of_a_suspended_organisation(ring: Ring) -> None:
    org = founds("jobs", owner="carol")
    await in_public(organizations.suspend, org.space.slug)
    sent: list[Any] = []
    with patch.object(mail, "_send", lambda *args: sent.append(args)):
        letter = {"mail": "", "sender": "a@b.example", "to": []}
        await in_public(lambda: mail.send_for_organization(key=ring.ours.org.key, **letter))
        assert len(sent) == 1
        with pytest.raises(Exception, match="not served"):
            await in_public(lambda: mail.send_for_organization(key=org.key, **letter))
    assert len(sent) == 1
