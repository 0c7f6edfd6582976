"""Any request at all, as Schemathesis makes them up from the description, for every role: the answer is as described,
the server never fails, and nothing of another organisation is in it."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from realtime.api import api
from realtime.chat import conversations, messages, rooms
from realtime.notices import publishing
from realtime.notices.drafts import Draft
from realtime.protocol import Post
from tenants.people import invitations, profile, tokens
from tenants.people import settings as organization
from tenants.roles import Role
from tests.cast import Org, found
from tests.roles.stage import RECIPES, Stage, newcomer
from tests.running import Running

CANARY = "globexcanary"  # in every text that people of the other organisation write, whatever case it is given
EXAMPLES = 5  # for each operation and role
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

SCHEMA = schemathesis.openapi.from_dict(dict(api.get_openapi_schema(path_prefix="/api/v1/")))
OPERATIONS = {operation.ok().definition.raw["operationId"]: operation.ok() for operation in SCHEMA.get_all_operations()}


@pytest.fixture(scope="module")
def ours(database: str) -> Org:
    """With rooms of every kind, messages, notices and people, so that there is something to answer."""
    org = found("acme", owner="alice")
    furnish(org, "words of acme")
    return org


@pytest.fixture(scope="module")
def theirs(database: str) -> Org:
    org = found("globex", owner="mallory")
    furnish(org, CANARY)
    return org


def furnish(org: Org, text: str) -> None:
    """`text` in every field that holds words."""

    def fill() -> None:
        owner, bob = org.owner.actor, newcomer(org, Role.MEMBER).actor
        name = text.replace(" ", "")
        profile.change(bob, name=f"Bob {text}")
        public = rooms.open(owner, f"Plans {text}", f"plans-{name}", topic=text).room
        private = rooms.open(owner, f"Secret {text}", private=True, topic=text).room
        direct = conversations.direct(owner, [bob.user_id]).room
        for room in ("general", public, private, direct):
            messages.post(owner, Post(room=room, client_id=f"c-{room}", message=f"*{text}* <@{bob.user_id}>"))
        publishing.publish(owner, Draft(message=text, title=text))
        invitations.make(owner, email=f"carol@{name}.example", rooms=[public])
        tokens.issue(owner, text)
        organization.change(owner, name=f"Org {text}", email_domains=[f"{name}.example"], default_rooms=[public])

    org.inside(fill)


@pytest.fixture(scope="module")
def web() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def address_of(server: Running, org: Org, token: str) -> dict[str, Any]:
    headers = {"Host": server.host(org.space.slug), "Authorization": f"Bearer {token}"}
    return {"base_url": f"http://127.0.0.1:{server.port}", "headers": headers, "timeout": 60}


# What may be seen of the other organisation by its own owner, and by nobody else.
TELLING = [
    "session",
    "members.listed",
    "invitations.listed",
    "tokens.listed",
    "settings.show",
    "audit.listed",
    "notices.listed",
    "rooms.listed",
    "rooms.members",
    "messages.page",
]


@pytest.mark.parametrize("name", TELLING)
def test_what_must_not_be_heard_is_there_to_be_heard(
    server: Running, theirs: Org, web: requests.Session, name: str
) -> None:
    path = {"room": "general"} if "{room}" in OPERATIONS[name].path else {}
    case = OPERATIONS[name].Case(path_parameters=path)
    answer = case.call(session=web, **address_of(server, theirs, theirs.owner.token))
    assert (answer.status_code, CANARY in answer.text.lower()) == (200, True)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", OPERATIONS)
def test_any_request_is_answered_as_described(
    server: Running, ours: Org, theirs: Org, web: requests.Session, name: str, role: Role
) -> None:
    who = ours.inside(newcomer, ours, role)
    there = ours.inside(lambda: RECIPES[name](Stage(server, ours, who)).path)
    where = address_of(server, ours, who.token)

    @given(st.one_of(*made_up(name, there)))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case) -> None:
        answer = case.call(session=web, **where)
        assert answer.status_code < 500 or answer.json()["code"] == "unknown", answer.text
        assert CANARY not in answer.text.lower()
        assert CANARY not in str(answer.headers).lower()
        case.validate_response(answer, checks=CHECKS)

    ask()


def made_up(name: str, there: dict[str, object]) -> Iterator[st.SearchStrategy[Case]]:
    """Requests that fit the description and some that do not; of things that are there and of others."""
    operation = OPERATIONS[name]
    yield operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if there:
        yield operation.as_strategy(generation_mode=GenerationMode.POSITIVE, path_parameters=there)
    if operation.body or operation.query or operation.path_parameters:
        yield operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
