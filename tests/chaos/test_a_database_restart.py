"""The database is restarted while a notice is being published to very many: it is published once, to all, and whoever
sits at an open socket hears it and goes on talking."""

import asyncio
import json
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from infra.local import Postgres
from tests.clients import Client, opened
from tests.running import Running

PEOPLE = 20_000
PATIENCE = 90.0  # seconds
SLUG = f"acme-{secrets.token_hex(4)}"
SCHEMA = """
SELECT schema_name FROM tenants_organization o JOIN tenants_domain d ON d.tenant_id = o.id WHERE d.domain = %s
"""
FILL = """
INSERT INTO people_user (password, email, name, role, is_active)
SELECT '', 'p' || n || '@crowd.example', 'P' || n, 'member', TRUE FROM generate_series(1, %s) n
"""


class Town:
    """An organisation of very many in an installation with a database of its own."""

    def __init__(self, postgres: Postgres, server: Running) -> None:
        self.postgres, self.server = postgres, server
        asked = {"name": "Acme", "slug": SLUG, "email": f"owner@{SLUG}.example", "password": "correct horse battery"}
        with server.client() as http:
            self.token: str = http.post("/api/v1/organizations", json=asked).raise_for_status().json()["token"]
        with psycopg.connect(postgres.url) as session:
            found = session.execute(SCHEMA, [SLUG]).fetchone()
            assert found is not None
            self._schema = found[0]
            self._enter(session)
            session.execute(FILL, [PEOPLE])

    def publish(self) -> str:
        """Its state when that is answered."""
        with self.server.client(SLUG, self.token) as http:
            return str(
                http.post("/api/v1/notices", json={"message": "to very many"}).raise_for_status().json()["state"]
            )

    def counted(self, what: str) -> int:
        with psycopg.connect(self.postgres.url) as session:
            self._enter(session)
            found = session.execute(f"SELECT count(*) FROM {what}").fetchone()
            assert found is not None
            return int(found[0])

    async def comes_to(self, count: int, what: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.counted(what) < count:
                await asyncio.sleep(0.02)

    def _enter(self, session: psycopg.Connection) -> None:
        session.execute("SELECT set_config('search_path', %s, false)", [self._schema])


@pytest.fixture
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    postgres = Postgres(tmp_path_factory.mktemp("restarted"))
    postgres.start()
    try:
        server = Running(tmp_path_factory.mktemp("data"), {"DATABASE_URL": postgres.url, "LIMITS": "unlimited"})
        try:
            yield Town(postgres, server)
        finally:
            server.stop()
    finally:
        postgres.stop()


async def test_a_notice_is_published_once_to_all_though_the_database_is_restarted(town: Town) -> None:
    async with opened(town.server, SLUG, by=town.token) as page, opened(town.server, SLUG, by=town.token) as other:
        await page.hears(on="welcome")
        assert town.publish() == "publishing"
        await town.comes_to(2_000, "notices_receipt")
        assert town.counted("notices_receipt") < PEOPLE, "it was over before anything could be restarted"

        await asyncio.to_thread(town.postgres.stop)
        await asyncio.to_thread(town.postgres.start)

        await town.comes_to(1, "notices_notice WHERE state = 'live'")
        assert town.counted("notices_notice WHERE seq = 1 AND targeted = (SELECT count(*) FROM people_user)") == 1
        assert town.counted("notices_receipt") == town.counted("people_user") == PEOPLE + 1
        await hears_once(page, "to very many")
        await hears_once(other, "to very many")
        assert (await page.posts("still here"))["on"] == "ack"


async def hears_once(client: Client, words: str) -> None:
    await client.hears(on="notice", message=words)
    assert len([frame for frame in client.heard if frame["on"] == "notice"]) == 1, json.dumps(client.heard)
