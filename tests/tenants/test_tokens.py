"""API tokens, and who may call the API with what."""

import asyncio
import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from tenants import control
from tenants.directory import Space
from tenants.people import credentials, tokens
from tenants.people.models import Token, User
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.visitors import Visitor, call, ended, person, signed_in


@pytest.fixture
def alice(acme: Org) -> User:
    return person(acme.space, "alice")


@pytest.fixture
def browser(acme: Org, alice: User) -> Visitor:
    return signed_in(acme.space, alice)


def test_a_token_is_told_once_listed_and_ended(acme: Org, browser: Visitor) -> None:
    made = browser.call("POST", "/tokens", {"name": "laptop"})
    told = made.json()
    listed = browser.call("GET", "/tokens").json()["tokens"]
    who = call(acme.space, "GET", "/session", told["token"])
    end = call(acme.space, "DELETE", f"/tokens/{told['id']}", told["token"])

    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert told["token"].startswith("cnv_")
    assert [(each["id"], each["name"]) for each in listed] == [(told["id"], "laptop")]
    assert "token" not in listed[0]
    assert who.json()["user"] == "Alice"
    assert end.status_code == 204
    assert call(acme.space, "GET", "/session", told["token"]).status_code == 401
    assert (control.CREDENTIAL, credentials.digest(told["token"])) in ended(acme.space)


def test_a_token_that_only_reads_is_made_by_page_and_by_api_and_said_to_be_one(browser: Visitor) -> None:
    browser.post("/accounts/sessions/tokens/", name="dashboard", reads_only="on")
    browser.call("POST", "/tokens", {"name": "archive", "reads_only": True})
    browser.call("POST", "/tokens", {"name": "laptop"})

    listed = browser.call("GET", "/tokens").json()["tokens"]

    assert {each["name"]: each["reads_only"] for each in listed} == {
        "dashboard": True,
        "archive": True,
        "laptop": False,
    }
    assert browser.get("/accounts/sessions/").text.count("only reads ·") == 2


def test_a_token_has_160_random_bits_and_is_kept_as_a_hash(acme: Org, alice: User) -> None:
    row, text = _token(acme.space, alice)

    assert len(base64.b32decode(text.removeprefix("cnv_").upper())) * 8 == 160
    with entered(acme.space.schema_name):
        assert text not in str(Token.objects.values_list().get(pk=row.pk))


def test_a_token_of_one_organisation_is_unknown_in_another(acme: Org, globex: Org, alice: User) -> None:
    mallory = person(globex.space, "mallory")
    _row, text = _token(globex.space, mallory)

    refused = call(acme.space, "GET", "/session", text)

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert call(globex.space, "GET", "/session", text).json()["user"] == "Mallory"


def test_a_bad_token_is_refused_even_beside_a_good_cookie(browser: Visitor) -> None:
    assert browser.call("GET", "/session").status_code == 200
    for header in ("Bearer cnv_wrong", "Bearer", "Basic YWxpY2U6eA=="):
        assert browser.call("GET", "/session", authorization=header).status_code == 401


def test_with_a_token_cookie_and_origin_are_ignored(acme: Org, browser: Visitor) -> None:
    bob = person(acme.space, "bob")
    _row, text = _token(acme.space, bob)
    cookie = f"session={browser.session_key}"

    made = call(acme.space, "POST", "/tokens", text, {"name": "ci"}, cookie=cookie, origin="https://evil.example")

    assert made.status_code == 201
    assert call(acme.space, "GET", "/session", text, cookie=cookie).json()["user"] == "Bob"


def test_a_session_changes_nothing_without_the_csrf_token(acme: Org, browser: Visitor) -> None:
    body = {"name": "x"}

    without = asyncio.run(browser.http.post("/api/v1/tokens", json=body, headers={"origin": acme.space.url}))
    foreign = browser.call("POST", "/tokens", body, origin="http://globex.localhost:8000")

    assert (without.status_code, without.json()["code"]) == (403, "csrf")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "csrf")
    assert browser.call("POST", "/tokens", body).status_code == 201


def test_an_expired_token_counts_no_more(acme: Org, alice: User) -> None:
    row, text = _token(acme.space, alice)
    with entered(acme.space.schema_name):
        Token.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert call(acme.space, "GET", "/session", text).status_code == 401


def test_a_deactivated_persons_token_counts_no_more(acme: Org, alice: User) -> None:
    _row, text = _token(acme.space, alice)
    with entered(acme.space.schema_name):
        User.objects.filter(pk=alice.pk).update(is_active=False)

    assert call(acme.space, "GET", "/session", text).status_code == 401


def test_nobody_sees_or_ends_the_tokens_of_somebody_else(acme: Org, alice: User, browser: Visitor) -> None:
    row, text = _token(acme.space, person(acme.space, "bob"))

    assert browser.call("GET", "/tokens").json() == {"tokens": [], "next": None}
    assert browser.call("DELETE", f"/tokens/{row.pk}").status_code == 404
    assert call(acme.space, "GET", "/session", text).status_code == 200


def test_further_tokens_need_a_verified_address(acme: Org) -> None:
    _row, text = _token(acme.space, person(acme.space, "carol", verified=False))

    refused = call(acme.space, "POST", "/tokens", text, {"name": "another"})

    assert (refused.status_code, refused.json()["code"]) == (403, "unverified")


def test_nobody_has_more_than_twenty_tokens(acme: Org, alice: User, browser: Visitor) -> None:
    made = [_token(acme.space, alice)[0] for _ in range(tokens.MOST)]

    refused = browser.call("POST", "/tokens", {"name": "one more"})
    browser.call("DELETE", f"/tokens/{made[0].pk}")

    assert (refused.status_code, refused.json()["code"]) == (409, "too_many")
    assert browser.call("POST", "/tokens", {"name": "one more"}).status_code == 201


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b", "two\nlines"])
def test_a_token_has_a_name(browser: Visitor, name: str) -> None:
    refused = browser.call("POST", "/tokens", {"name": name})

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid")


def _token(space: Space, user: User) -> tuple[Token, str]:
    with entered(space.schema_name):
        return credentials.issue(user, "for the test")
