"""The layers under contract, bare and bound to an organisation, with servers of their own: some tests restart them."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import django
import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from infra.local import Postgres, Valkey
from realtime.layers import LAYERS, Layer
from tests.contracts.pairs import ACME, Broker, Pair, PostgresBroker, RedisBroker, Speaking, bound, instance

# The module of channels-postgres can be imported only where Django has it installed, so it has a process of its own.
ALONE = os.environ.get("CONTRACT_OF")
CONCERNED = [ALONE] if ALONE else [name for name, layer in LAYERS.items() if not layer.apps]


class MakePair(Protocol):
    async def __call__(self, **options: Any) -> Pair: ...


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(data=tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(data=tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    return postgres.url


@pytest.fixture(scope="session")
def redis_url(valkey: Valkey) -> str:
    return valkey.url


@pytest.fixture(params=CONCERNED)
def layer(request: pytest.FixtureRequest, postgres_url: str) -> Layer:
    layer = LAYERS[request.param]
    if layer.apps and not settings.configured:
        install(layer, postgres_url)
    return layer


def install(layer: Layer, postgres_url: str) -> None:
    database = layer.config(postgres_url, "")
    for not_django in ("PSYCOPG_OPTIONS", "group_expiry"):
        del database[not_django]
    settings.configure(INSTALLED_APPS=layer.apps, DATABASES=dict.fromkeys(("default", *layer.databases), database))
    django.setup()
    for app in layer.apps:
        call_command("migrate", app, verbosity=0)


@pytest.fixture
def broker(layer: Layer, postgres: Postgres, valkey: Valkey) -> Broker:
    return RedisBroker(valkey) if layer.needs_redis else PostgresBroker(postgres)


@pytest_asyncio.fixture
async def new(layer: Layer, postgres_url: str, redis_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Makes instances of the layer, and leaves nothing of them behind."""
    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(instance(layer, postgres_url, redis_url, **options))
        return made[-1]

    await make().flush()
    yield make
    for one in made:
        if layer.closed_by:
            await getattr(one, layer.closed_by)()
    await disconnect(layer)


async def disconnect(layer: Layer) -> None:
    """The pool of channels-postgres is a global of its module and belongs to the event loop that came first."""
    if layer.apps:
        from channels_postgres import db

        if db.connection_pool is not None:
            await db.connection_pool.close()
            db.connection_pool = None
        await sync_to_async(connections.close_all)()


@pytest.fixture(params=["bare", "bound"])
def make_pair(request: pytest.FixtureRequest, layer: Layer, new: Callable[..., Any]) -> MakePair:
    async def pair(**options: Any) -> Pair:
        receiver = new(**options)
        sender = receiver if layer.single_process else new(**options)
        if request.param == "bare":
            return Pair(layer, sender, receiver)
        return Pair(layer, Speaking(bound(layer, sender), ACME), Speaking(bound(layer, receiver), ACME))

    return pair


@pytest_asyncio.fixture
async def pair(make_pair: MakePair) -> Pair:
    return await make_pair()


@pytest.fixture
def later(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the layers' clocks go forward."""

    def later(seconds: float) -> None:
        now, monotonic = time.time, time.monotonic
        monkeypatch.setattr("time.time", lambda: now() + seconds)
        monkeypatch.setattr("realtime.layers.mailboxes.monotonic", lambda: monotonic() + seconds)
        if layer.apps:
            monkeypatch.setattr("channels_postgres.db.utc_now", lambda: datetime.fromtimestamp(now() + seconds, UTC))

    return later
