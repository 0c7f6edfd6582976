"""The table of roles × every operation of the API: who may, does it; who may not, is told so; nobody else gets in."""

from typing import Any

import httpx
import pytest

from realtime.api import api
from tenants.roles import GUEST, RIGHTS, Role
from tests.cast import Member, Org, found
from tests.roles.stage import RECIPES, Asked, Stage, newcomer
from tests.running import Running

Operation = tuple[str, str, str]  # its name, method and path


def operations() -> list[Operation]:
    paths = api.get_openapi_schema(path_prefix="/api/v1/")["paths"]
    return [(each["operationId"], method, path) for path, methods in paths.items() for method, each in methods.items()]


@pytest.fixture(scope="module")
def ours(database: str) -> Org:
    return found("acme", owner="alice")


@pytest.fixture(scope="module")
def theirs(database: str) -> Org:
    return found("globex", owner="mallory")


def test_every_operation_has_a_row_in_the_table_and_a_recipe_here() -> None:
    named = {name for name, _, _ in operations()}
    assert len(named) > 40, "a short list proves little"
    assert named - set(RIGHTS) == {"session"}
    assert named == set(RECIPES)


def ask(server: Running, org: Org, token: str | None, operation: Operation, asked: Asked) -> httpx.Response:
    _name, method, path = operation
    body: dict[str, Any] = {"content": asked.body} if isinstance(asked.body, bytes) else {"json": asked.body}
    with server.client(org.space.slug, token=token) as http:
        return http.request(method, path.format_map(asked.path), **(body if asked.body is not None else {}))


def prepared(server: Running, org: Org, name: str, role: Role) -> tuple[Member, Asked]:
    def prepare() -> tuple[Member, Asked]:
        who = newcomer(org, role)
        return who, RECIPES[name](Stage(server, org, who))

    return org.inside(prepare)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation[0])
def test_the_table_decides(server: Running, ours: Org, operation: Operation, role: Role) -> None:
    name = operation[0]
    least = RIGHTS[name].least if name in RIGHTS else GUEST
    who, asked = prepared(server, ours, name, role)

    answer = ask(server, ours, who.token, operation, asked)

    if role.at_least(least):
        assert answer.is_success, answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "Your role" in answer.json()["detail"]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation[0])
def test_nobody_else_gets_in(server: Running, ours: Org, theirs: Org, operation: Operation) -> None:
    """Neither the owner of another organisation, nor who has no token; at home that owner may do it."""
    _who, asked = prepared(server, ours, operation[0], Role.OWNER)
    for token in (theirs.owner.token, None):
        answer = ask(server, ours, token, operation, asked)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    mallory, own = prepared(server, theirs, operation[0], Role.OWNER)
    assert ask(server, theirs, mallory.token, operation, own).is_success
