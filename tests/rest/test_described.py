"""What the API says of itself is complete, and is so."""

from collections import defaultdict
from typing import Any

import pytest
from ninja.openapi.schema import OpenAPISchema
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from realtime.api import api as organization_api
from tenants.api import api as public_api
from tenants.roles import RIGHTS, VERBS
from tests.cast import Org
from tests.running import Running

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(params=["organization", "public"])
def described(request: pytest.FixtureRequest, server: Running, acme: Org) -> dict[str, Any]:
    slug = acme.space.slug if request.param == "organization" else None
    with server.client(slug) as http:
        return dict(http.get("/api/v1/openapi.json").json())


def operations(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [each for path in described["paths"].values() for each in path.items()]


def test_the_description_is_valid_openapi(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(described)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(described)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, operation in operations(described))


def test_every_operation_of_an_organisation_is_a_verb_of_the_table(server: Running, acme: Org) -> None:
    with server.client(acme.space.slug) as http:
        described = http.get("/api/v1/openapi.json").json()
    roles = {operation["operationId"]: operation["x-role"] for _, operation in operations(described)}
    assert roles.pop("session") == "guest"
    assert roles == {name: RIGHTS[name].least for name in roles}
    assert set(roles) <= set(VERBS)


def test_every_operation_says_how_it_refuses(described: dict[str, Any]) -> None:
    for method, operation in operations(described):
        refusals = {status: told for status, told in operation["responses"].items() if status >= "400"}
        assert {"429", "503"} <= refusals.keys()
        if "security" in operation:
            assert {"401", "403"} <= refusals.keys()
            assert operation["security"] == [{"token": []}, {"session": []}]
        for told in refusals.values():
            assert list(told["content"]) == ["application/problem+json"]
            assert told["description"]
        if method == "post" and "security" in operation:
            assert "Idempotency-Key" in {each["name"] for each in operation["parameters"]}


SHORT = {"sessions.listed"}  # browsers in which one person is signed in


def test_every_list_is_told_in_pages(server: Running, acme: Org) -> None:
    with server.client(acme.space.slug) as http:
        described = http.get("/api/v1/openapi.json").json()
    shapes = described["components"]["schemas"]
    lists = set()
    for method, operation in operations(described):
        if method == "get":
            told = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
            asked = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
            if "limit" in asked and asked & {"before", "after"}:
                assert "next" in shapes[told]["properties"], operation["operationId"]
            elif any(each.get("type") == "array" for each in shapes[told]["properties"].values()):
                lists.add(operation["operationId"])
    assert lists == SHORT


@pytest.mark.parametrize("api", [organization_api, public_api], ids=["organization", "public"])
def test_no_two_shapes_have_one_name(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninja lets the later take the place of the earlier."""
    shapes: dict[str, set[str]] = defaultdict(set)
    add = OpenAPISchema.add_schema_definitions

    def noted(self: OpenAPISchema, definitions: dict[str, Any]) -> None:
        for name, shape in definitions.items():
            shapes[name].add(str(shape))
        add(self, definitions)

    monkeypatch.setattr(OpenAPISchema, "add_schema_definitions", noted)
    api.get_openapi_schema(path_prefix="")
    assert shapes
    assert {name for name, different in shapes.items() if len(different) > 1} == set()
