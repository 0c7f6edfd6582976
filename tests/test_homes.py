"""Some names have one home. Elsewhere they would let code run in the schema of whoever came before, unseen."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.models import Model, QuerySet

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("saas", "tenants", "realtime", "billing", "benchmarks")

CROSSING = ("tenants/schema.py", "tenants/jobs.py", "tenants/db/")
NOWHERE: tuple[str, ...] = ()

# Django's own asynchronous queries run on a thread that everybody shares, with the last one's schema.
ASYNC_QUERIES = {f"a{name}" for kind in (QuerySet, Model) for name in dir(kind) if f"a{name}" in dir(kind)}

HOMES = dict.fromkeys(ASYNC_QUERIES, NOWHERE) | {
    "tenant_context": CROSSING,
    "schema_context": CROSSING,
    "set_tenant": CROSSING,
    "set_schema": CROSSING,
    "set_schema_to_public": CROSSING,
    "get_channel_layer": ("realtime/events.py",),
    "channel_layers": ("realtime/layers/tenant.py",),
    "database_sync_to_async": NOWHERE,
    "sync_to_async": NOWHERE,
    "django.contrib.admin": NOWHERE,
}


def test_every_name_stays_in_its_home() -> None:
    files = [file for package in PACKAGES for file in ROOT.joinpath(package).rglob("*.py")]
    assert len(files) > 50, "a short list proves little"
    astray = [f"{where(file)}:{found}" for file in files for found in strays(where(file), file.read_text())]
    assert astray == []


def test_every_home_that_is_named_is_lived_in() -> None:
    for name, homes in HOMES.items():
        for home in homes:
            files = ROOT.joinpath(home).rglob("*.py") if home.endswith("/") else [ROOT / home]
            assert all(file.exists() for file in files), f"{home}, the home of {name}, is not there"


@pytest.mark.parametrize(
    "planted",
    [
        "from django_tenants.utils import tenant_context",
        "import django_tenants.utils\ndjango_tenants.utils.schema_context('o_x')",
        "connection.set_tenant(organization)",
        "connection.set_schema_to_public()",
        "getattr(connection, 'set_schema')('o_x')",
        "from channels.layers import get_channel_layer as layer",
        "import channels.layers\nchannels.layers.channel_layers['wire']",
        "from channels.db import database_sync_to_async",
        "@sync_to_async\ndef rooms(): ...",
        "async def first(): return await Room.objects.afirst()",
        "async def keep(room): await room.asave()",
        "INSTALLED_APPS = ['django.contrib.admin']",
        "INSTALLED_APPS = ['django.contrib.admin.apps.SimpleAdminConfig']",
        "from django.contrib import admin",
        "from django.contrib.admin import site",
        "with organization:\n    pass",
        "with open('x'), request.tenant:\n    pass",
    ],
)
def test_what_strays_is_found(planted: str) -> None:
    assert list(strays("realtime/chat/rooms.py", planted))


@pytest.mark.parametrize(
    ("path", "innocent"),
    [
        ("tenants/schema.py", "connection.set_tenant(Path(name))"),
        ("tenants/db/base.py", "super().set_tenant(tenant)"),
        ("realtime/events.py", "from channels.layers import get_channel_layer"),
        ("billing/limits.py", "with _lock:\n    pass"),
        ("tenants/mail.py", "with entered(space.schema_name):\n    pass"),
        ("realtime/hub.py", "'''Not by sync_to_async, nor with tenant_context.'''"),
    ],
)
def test_what_is_at_home_is_left_alone(path: str, innocent: str) -> None:
    assert list(strays(path, innocent)) == []


def where(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def strays(path: str, source: str) -> Iterator[str]:
    """What stands in this file though its home is another, with its line."""
    tree = ast.parse(source)
    for line, spoken in [*names(tree), *texts(tree)]:
        for name, homes in HOMES.items():
            if is_part(name, spoken) and not path.startswith(homes):
                yield f"{line}: {name}"
    for line, thing in entered_things(tree):
        yield f"{line}: with {thing}"


def is_part(name: str, spoken: str) -> bool:
    """Is `name` a part of this dotted name: all of it, its beginning, its end, or in between?"""
    return f".{name}." in f".{spoken}."


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield node.lineno, name
            case ast.Import(names=found):
                yield from ((node.lineno, each.name) for each in found)
            case ast.ImportFrom(module=module, names=found):
                yield from ((node.lineno, f"{module}.{each.name}") for each in found)


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that are given as texts: to settings, getattr, import_string. Sentences are none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
            yield node.lineno, node.value


def entered_things(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """`with organization:` enters its schema, on a stack that all threads share. What is called is made for this block;
    of what was there before, only locks may be entered."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With):
            for entered in (each.context_expr for each in node.items):
                thing = ast.unparse(entered)
                if isinstance(entered, ast.Name | ast.Attribute | ast.Subscript) and not thing.endswith("lock"):
                    yield node.lineno, thing
