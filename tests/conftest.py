"""Real servers for every test: one PostgreSQL and one Valkey of our own per run, and Conclave as its users start it.

Django in this process and the servers under test share the database. Nothing is cleaned between tests: each makes
organisations of its own.
"""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from infra.local import Postgres, Valkey, postgres_binaries

# One contract suite sets Django up for itself, in a process of its own; and with -n the first process only hands out.
HANDS_OUT = "-n" in sys.argv and "0" not in sys.argv and "PYTEST_XDIST_WORKER" not in os.environ
ALONE = "CONTRACT_OF" in os.environ or HANDS_OUT
DATA = Path(tempfile.mkdtemp(prefix="conclave-tests-"))
postgres, valkey = Postgres(DATA / "postgres"), Valkey(DATA / "valkey")

if not ALONE:
    postgres.start()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "saas.settings",
        "DATABASE_URL": postgres.url,
        "CONCLAVE_LAYER": "postgres",
        "CONCLAVE_PG_DUMP": str(postgres_binaries() / "pg_dump"),
        "CONCLAVE_POOL_SIZE": "3",
    }
    import django

    django.setup()

from tests.running import Running  # noqa: E402  (needs the environment)

if not ALONE:
    from tenants.people.hashers import Argon2
    from tests.cast import Org, found

    # People made here get cheap hashes: at 85 ms each, passwords were almost half of the time that tests take. Servers
    # under test are other processes, and hash as they are shipped to.
    Argon2.memory_cost = 64


SERVERS = {"servers", "server"}
# Each of these takes long: begun late, one of them would keep all other workers waiting at the end.
LONG = ("/benchmarks/", "/chaos/")


INSTALLATION = re.compile(r"(?:LAYER|SERVER|WORKERS)=[\w-]+")  # as `on` names it
TOGETHER = "tests/e2e/test_accessibility.py"  # alone on the demonstration


def together(test: str) -> str:
    """Tests of one name here run in one process."""
    if test.startswith(TOGETHER):
        return TOGETHER
    found = INSTALLATION.search(test)
    return found.group() if found else test


class Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Tests against servers come last, for the servers' workers run whatever job they find: first among them the long
    ones, then those that share an installation that few others need.
    E2E=0 leaves the browser out, and says so."""
    items.sort(key=_turn)
    if os.environ.get("E2E", "1") == "0":
        left = [item for item in items if "/e2e/" in str(item.path)]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _turn(item: pytest.Function) -> int:
    if any(folder in str(item.path) for folder in LONG):
        return 1
    if together(item.nodeid) != item.nodeid:
        return 2
    return 0 if SERVERS.isdisjoint(item.fixturenames) else 3


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if os.environ.get("E2E", "1") == "0":
        terminalreporter.write_line("E2E=0: the tests in the browser were left out.")
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


def pytest_unconfigure() -> None:
    if not ALONE:
        from realtime import events

        events.close()
    valkey.stop()
    postgres.stop()


@pytest.fixture(scope="session")
def database() -> str:
    """The shared database, migrated. Returns its address."""
    from django.core.management import call_command

    call_command("upgrade", verbosity=0)
    return postgres.url


@pytest.fixture(scope="session")
def redis_url() -> str:
    valkey.start()
    return valkey.url


@pytest.fixture(scope="session")
def servers(database: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Servers"]:
    servers = Servers(database, redis_url, tmp_path_factory)
    yield servers
    servers.stop()


USUAL = {"LAYER": "postgres", "SERVER": "uvicorn", "WORKERS": "1", "LIMITS": "normal"}


def on(**wish: str) -> Any:
    """A parameter: an installation like this one. Tests that have the same run in one process of the tests, which
    starts it once."""
    return pytest.param(wish, id=",".join(f"{name}={value}" for name, value in wish.items()) or "as it comes")


class Servers:
    """Running installations on the shared database, one per way of starting them, started when first asked for."""

    def __init__(self, database: str, redis_url: str, folders: pytest.TempPathFactory) -> None:
        self.database, self._redis, self._folders = database, redis_url, folders
        self.running: dict[tuple[tuple[str, str], ...], Running] = {}

    def get(self, **wish: str) -> Running:
        """`LAYER="channels-redis"`, `SERVER="daphne"`, `WORKERS="2"`, `LIMITS="unlimited"`: as for make up."""
        key = tuple(sorted((name, value) for name, value in wish.items() if value != USUAL.get(name)))
        if key not in self.running:
            where = {"DATABASE_URL": self.database, "REDIS_URL": self._redis}
            self.running[key] = Running(self._folders.mktemp("data"), where | wish)
        return self.running[key]

    def stop(self) -> None:
        for running in self.running.values():
            running.stop()


@pytest.fixture
def server(servers: Servers) -> Running:
    """Conclave as it comes: postgres layer, uvicorn, normal limits but for the number of sign-ups so far."""
    from tenants.models import SignUpAttempt

    SignUpAttempt.objects.all().delete()
    return servers.get()


@pytest.fixture
def new_organization(database: str) -> Callable[..., "Org"]:
    return found


@pytest.fixture
def acme(database: str) -> "Org":
    """Alice's organisation."""
    return found("acme", owner="alice")


@pytest.fixture
def globex(database: str) -> "Org":
    """Another one: Mallory owns it, and sees nothing of acme."""
    return found("globex", owner="mallory")
