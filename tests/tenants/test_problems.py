"""Whatever is refused under /api/ is told as a problem with a code, and takes back what was written."""

import httpx
import pytest
from django.conf import settings

from tenants import problems
from tenants.problems import Problem
from tests.cast import Org
from tests.tenants.visitors import Visitor, call


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert (response.status_code, told["status"], told["code"]) == (status, status, code)
    assert told["title"]
    assert told["detail"].endswith(".")
    assert "no-store" in response.headers["cache-control"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing-here", 404, "not_found"),
        ("PUT", "/organizations", 405, "method_not_allowed"),
        ("POST", "/organizations", 422, "invalid"),
    ],
)
def test_the_public_api_refuses_in_problems(database: str, method: str, path: str, status: int, code: str) -> None:
    response = Visitor(settings.PUBLIC_URL).call(method, path, {})

    assert_problem(response, status, code)
    if status == 405:
        assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nothing-here", 404, "not_found"), ("DELETE", "/session", 405, "method_not_allowed")],
)
def test_the_api_of_an_organisation_refuses_in_problems(
    acme: Org, method: str, path: str, status: int, code: str
) -> None:
    assert_problem(call(acme.space, method, path, acme.owner.token), status, code)


def test_without_credentials_the_answer_says_how_to_come_in(acme: Org) -> None:
    refused = Visitor(acme.space.url).session()

    assert_problem(refused, 401, "unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"


def test_pages_outside_the_api_stay_pages(database: str) -> None:
    page = Visitor(settings.PUBLIC_URL).get("/nothing-here")

    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


def test_a_problem_says_when_to_come_back() -> None:
    response = problems.response(Problem(429, "rate_limited", "Slower, please.", retry_after=1.2))

    assert response["Retry-After"] == "2"
    assert b'"retry_after": 1.2' in response.content
