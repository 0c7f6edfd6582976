"""Signing an organisation up: whole or not at all, limited, and ready to chat in at once."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test import override_settings

from tenants import attempts, directory, organizations
from tenants.models import Domain, Organization, ReadySchema, SignUpAttempt
from tenants.people.models import Role, User
from tenants.problems import Problem
from tenants.schema import current_key, entered
from tenants.signals import founded
from tests.cast import PASSWORD, Org
from tests.running import Running
from tests.tenants.visitors import Visitor, call, mails


@pytest.fixture(autouse=True)
def _fresh_limits(database: str) -> Iterator[None]:
    SignUpAttempt.objects.all().delete()
    yield
    SignUpAttempt.objects.all().delete()


def application(**told: Any) -> dict[str, Any]:
    slug = f"new-{secrets.token_hex(4)}"
    return {"name": "Nova", "slug": slug, "email": f"nora@{slug}.example", "password": PASSWORD} | told


def apply(visitor: Visitor | None = None, **told: Any) -> httpx.Response:
    return post(json.dumps(application(**told)), visitor)


def post(body: str, visitor: Visitor | None = None) -> httpx.Response:
    http = (visitor or Visitor(settings.PUBLIC_URL)).http
    return asyncio.run(http.post("/api/v1/organizations", content=body, headers={"content-type": "application/json"}))


def test_a_server_keeps_a_password_as_an_expensive_hash(server: Running) -> None:
    asked = application()

    with server.client() as machine:
        assert machine.post("/api/v1/organizations", json=asked).status_code == 201

    space = directory.look_up(f"{asked['slug']}.{settings.BASE_DOMAIN}")
    assert space
    with entered(space.schema_name):
        assert User.objects.get().password.startswith("argon2$argon2id$v=19$m=47104,t=1,p=1$")


def test_a_machine_signs_up_and_chats_at_once() -> None:
    asked = application()

    response = post(json.dumps(asked))

    made = response.json()
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    assert made["url"] == f"http://{asked['slug']}.localhost:8000"
    assert made["api_url"] == f"{made['url']}/api/v1"
    space = directory.look_up(f"{asked['slug']}.{settings.BASE_DOMAIN}")
    assert space is not None
    session = call(space, "GET", "/session", made["token"]).json()
    assert session["organization"] | {"epoch": ""} == {
        "name": "Nova",
        "address": asked["slug"],
        "url": made["url"],
        "epoch": "",
    }
    assert (session["role"], session["email"], session["email_verified"]) == ("owner", asked["email"], False)
    rooms = call(space, "GET", "/rooms", made["token"]).json()["rooms"]
    assert [(room["room"], room["joined"]) for room in rooms] == [("general", True)]


def test_the_owner_is_mailed_a_link_that_proves_the_address() -> None:
    made = organizations.sign_up(**application(), client=None)

    (mail,) = mails(made.space)

    assert mail.to == f"nora@{made.space.slug}.example"
    (link,) = [link for link in mail.links if "confirm-email" in link]
    assert link.startswith(f"{made.space.url}/accounts/confirm-email/")
    owner = Visitor(made.space.url)
    page = owner.get(link.removeprefix(made.space.url))
    owner.post(link.removeprefix(made.space.url))
    assert page.status_code == 200
    with entered(made.space.schema_name):
        assert EmailAddress.objects.get().verified


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " \u200b "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": "a\ud800b"}, "name"),
        ({"name": "turned \u202e round"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"email": f"{'x' * 250}@example.com"}, "email"),
        ({"email": "a@\ud800.example"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"password": "long enough \ud800"}, "password"),
    ],
)
def test_bad_input_is_told_by_field(wrong: dict[str, str], field: str) -> None:
    before = Organization.objects.count()

    response = apply(**wrong)

    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert list(response.json()["fields"]) == [field]
    assert all(sentence.endswith(".") for sentence in response.json()["fields"][field])
    assert Organization.objects.count() == before


@pytest.mark.parametrize("name", ["Zürich 8", "株式会社", "مؤسسة", "👩‍🚀 Rockets & Söhne <b>", "x" * 100])
def test_names_of_any_script_stay_as_they_are(name: str) -> None:
    made = organizations.sign_up(**application(name=name), client=None)

    assert Organization.objects.get(pk=made.space.id).name == name


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"name": 7}', '{"name": null, "slug": [], "email": {}}'])
def test_a_body_that_is_no_sign_up_is_a_problem_not_a_failure(body: str) -> None:
    response = post(body)

    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


def test_taken_and_reserved_and_ill_formed_addresses_are_told_apart(acme: Org) -> None:
    refusals = [apply(slug=slug) for slug in (acme.space.slug, "www", "no_way")]

    assert [(refusal.status_code, refusal.json()["code"]) for refusal in refusals] == [
        (409, "taken"),
        (422, "reserved"),
        (422, "invalid"),
    ]


def test_of_two_who_want_one_address_at_once_one_gets_it() -> None:
    slug, together = f"wanted-{secrets.token_hex(4)}", Barrier(2)

    def want() -> str:
        together.wait()
        try:
            organizations.sign_up(**application(slug=slug), client=None)
        except Problem as problem:
            return problem.code
        finally:
            connections.close_all()
        return "mine"

    with ThreadPoolExecutor(2) as two:
        outcomes = [each.result() for each in [two.submit(want), two.submit(want)]]

    assert sorted(outcomes) == ["mine", "taken"]
    assert Organization.objects.filter(domains__domain=slug).count() == 1


def test_a_failure_half_way_leaves_nothing_behind() -> None:
    asked = application()
    before = everything()

    def stumble(**_: Any) -> None:
        assert current_key() is not None
        raise RuntimeError("stumbled")

    founded.connect(stumble)
    try:
        with pytest.raises(RuntimeError, match="stumbled"):
            organizations.sign_up(**asked, client=None)
    finally:
        founded.disconnect(stumble)

    assert everything() == before
    assert connection.schema_name == "public"
    assert organizations.sign_up(**asked, client=None).space.slug == asked["slug"]


def everything() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'o\\_%'")
        (schemas,) = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM procrastinate_jobs")
        (jobs,) = cursor.fetchone()
    ready = set(ReadySchema.objects.values_list("schema_name", flat=True))
    return {
        "schemas": schemas,
        "jobs": jobs,
        "ready": ready,
        "organizations": Organization.objects.count(),
        "domains": Domain.objects.count(),
    }


def test_an_empty_pool_is_filled_within_the_request() -> None:
    ReadySchema.objects.all().delete()

    assert apply().status_code == 201
    assert ReadySchema.objects.count() == 0


def test_past_the_bound_of_sign_ups_at_once_one_is_told_to_come_back() -> None:
    for _ in range(organizations.AT_ONCE):
        assert organizations._places.acquire(blocking=False)
    try:
        refused = apply()
    finally:
        for _ in range(organizations.AT_ONCE):
            organizations._places.release()

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) == refused.json()["retry_after"] > 0
    assert apply().status_code == 201


def test_a_client_signs_up_five_times_an_hour_and_others_are_not_held_up() -> None:
    eager, other = Visitor(settings.PUBLIC_URL), Visitor(settings.PUBLIC_URL)

    answers = [apply(eager).status_code for _ in range(5)]
    refused = apply(eager)

    assert answers == [201] * 5
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 3500 < refused.json()["retry_after"] <= 3600
    assert refused.headers["retry-after"] == str(refused.json()["retry_after"])
    assert apply(other).status_code == 201


def test_bad_input_counts_for_nothing() -> None:
    clumsy = Visitor(settings.PUBLIC_URL)

    for _ in range(8):
        assert apply(clumsy, password="short").status_code == 422

    assert apply(clumsy).status_code == 201


def test_all_clients_together_are_limited_too() -> None:
    SignUpAttempt.objects.bulk_create(SignUpAttempt(client=f"10.9.0.{number}") for number in range(attempts.IN_TOTAL))

    refused = apply()

    assert refused.status_code == 429
    assert SignUpAttempt.objects.count() == attempts.IN_TOTAL


def test_a_network_of_ipv6_addresses_is_one_client() -> None:
    for number in range(attempts.PER_CLIENT):
        attempts.note(f"2001:db8::{number}")

    with pytest.raises(Problem, match="Too many"):
        attempts.note("2001:db8::ffff")
    attempts.note("2001:db8:0:1::1")


@override_settings(LIMITS="unlimited")
def test_without_limits_one_may_go_on() -> None:
    for _ in range(attempts.PER_CLIENT + 1):
        attempts.note("10.8.0.1")

    assert SignUpAttempt.objects.count() == 0


def test_the_owner_is_an_owner_with_the_password_that_was_chosen() -> None:
    made = organizations.sign_up(**application(email="  Nora@Example.COM "), client=None)

    with entered(made.space.schema_name):
        owner = User.objects.get()
        assert (owner.pk, owner.role, owner.email, owner.name) == (made.user_id, Role.OWNER, "nora@example.com", "nora")
        assert owner.check_password(PASSWORD)
    assert made.token is None


def test_a_password_like_the_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="similar"):
        organizations.sign_up(**application(email="northwind@example.com", password="northwind-example"), client=None)
