"""Operators: they live in public, sign in there alone, and always with a second factor."""

import io
from collections.abc import Iterator
from itertools import count

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import census, organizations
from tenants.people import second_factor
from tenants.people.models import AuditEntry, Role, User
from tenants.schema import PUBLIC, entered
from tests.cast import Org
from tests.tenants.visitors import PASSWORD, Visitor, call, one_time_code, person, signed_in

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_numbers = count(1)


@pytest.fixture
def operator(acme: Org) -> Iterator[User]:
    with entered(PUBLIC.schema_name):
        user = User.objects.create_user(f"operator{next(_numbers)}@example.com", PASSWORD, name="Op", role=Role.OWNER)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    yield user
    with entered(PUBLIC.schema_name):
        User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.fixture
def armed(operator: User) -> User:
    with entered(PUBLIC.schema_name):
        TOTP.activate(operator, SECRET)
    return operator


def test_an_operator_signs_in_with_a_second_factor_and_sees_the_organisations(acme: Org, armed: User) -> None:
    browser = Visitor(settings.PUBLIC_URL)

    first = browser.sign_in(armed.email)
    half_way = browser.get("/operators/").text
    second = browser.post("/operators/2fa/authenticate/", code=one_time_code(SECRET))
    page = browser.get("/operators/").text

    assert first.headers["location"] == "/operators/2fa/authenticate/"
    assert acme.space.name not in half_way
    assert second.headers["location"] == "/operators/"
    for shown in (f">{acme.space.name}<", f">{acme.space.address}<", ">Active<", f">{acme.space.version}<"):
        assert shown in page
    browser.post("/operators/logout/")
    assert f">{acme.space.name}<" not in browser.get("/operators/").text


def test_a_wrong_code_opens_nothing(acme: Org, armed: User) -> None:
    browser = Visitor(settings.PUBLIC_URL)
    browser.sign_in(armed.email)

    refused = browser.post("/operators/2fa/authenticate/", code="000000")

    assert "Incorrect code" in refused.text
    assert f">{acme.space.name}<" not in browser.get("/operators/").text


def test_without_a_second_factor_an_operator_is_refused(acme: Org, operator: User) -> None:
    browser = Visitor(settings.PUBLIC_URL)

    refused = browser.sign_in(operator.email)

    assert refused.status_code == 403
    assert "second factor only" in refused.text
    assert f">{acme.space.name}<" not in browser.get("/operators/").text


def test_a_deactivated_operator_is_out(acme: Org, armed: User) -> None:
    browser = Visitor(settings.PUBLIC_URL)
    browser.sign_in(armed.email)
    browser.post("/operators/2fa/authenticate/", code=one_time_code(SECRET))
    listed = f"/operators/?text={acme.space.slug}"
    assert f">{acme.space.name}<" in browser.get(listed).text

    with entered(PUBLIC.schema_name):
        User.objects.filter(pk=armed.pk).update(is_active=False)

    assert f">{acme.space.name}<" not in browser.get(listed).text


def test_a_person_of_an_organisation_is_nobody_on_the_public_site(acme: Org) -> None:
    ann = person(acme.space, "ann", role=Role.OWNER)

    refused = Visitor(settings.PUBLIC_URL).sign_in(ann.email)

    assert "not correct" in refused.text
    assert Visitor(acme.space.url).sign_in(ann.email).status_code == 302


def test_an_operator_is_nobody_in_an_organisation(acme: Org, armed: User) -> None:
    assert "not correct" in Visitor(acme.space.url).sign_in(armed.email).text


def test_the_operators_pages_are_on_no_organisations_host(acme: Org) -> None:
    for page in ("", "login/", "2fa/authenticate/"):
        assert Visitor(acme.space.url).get(f"/operators/{page}").status_code == 404


def test_the_pages_of_people_are_not_on_the_public_site() -> None:
    for page in ("accounts/login/", "accounts/signup/", "accounts/password/reset/", "accounts/email/", "members/"):
        assert Visitor(settings.PUBLIC_URL).get(f"/{page}").status_code == 404
    for page in ("signup/", "password/reset/", "password/change/", "email/", "sessions/"):
        assert Visitor(settings.PUBLIC_URL).get(f"/operators/{page}").status_code == 404


# What they do.


@pytest.fixture
def desk(armed: User) -> Visitor:
    """The browser of an operator who has signed in."""
    browser = Visitor(settings.PUBLIC_URL)
    browser.sign_in(armed.email)
    assert browser.post("/operators/2fa/authenticate/", code=one_time_code(SECRET)).status_code == 302
    return browser


def test_they_see_people_size_and_version_and_find_an_organisation(acme: Org, globex: Org, desk: Visitor) -> None:
    acme.add("bob")

    found = desk.get(f"/operators/?text={acme.space.slug[:9]}").text
    suspended = desk.get(f"/operators/?text={acme.space.slug}&state=suspended").text

    assert f">{acme.space.slug}<" in found
    assert globex.space.slug not in found
    assert "</span>2</td>" in found
    assert "KB</td>" in found
    assert "No organisation is like that." in suspended
    assert f">{globex.space.slug}<" in desk.get("/operators/?text=Globex").text


def test_the_list_goes_on_page_by_page(acme: Org, desk: Visitor) -> None:
    newest = census.page(limit=3)
    assert [entry.id for entry in newest] == sorted((entry.id for entry in newest), reverse=True)
    assert newest[0].slug == acme.space.slug

    rest = census.page(before=newest[0].id, limit=1000)

    assert acme.space.slug not in {entry.slug for entry in rest}
    assert rest[: len(newest) - 1] == newest[1:]
    assert f">{acme.space.slug}<" not in desk.get(f"/operators/?before={newest[0].id}").text


def test_a_page_costs_as_much_as_it_is_long(acme: Org, globex: Org) -> None:
    with CaptureQueriesContext(connection) as queries:
        census.page(limit=1)

    assert len([query for query in queries if "SET search_path" not in query["sql"]]) <= 5


def test_they_suspend_and_resume_with_a_reason_and_it_is_written_down(acme: Org, globex: Org, desk: Visitor) -> None:
    slug, token = acme.space.slug, acme.owner.token
    assert call(acme.space, "GET", "/session", token).status_code == 200

    asked = desk.get(f"/operators/organizations/{slug}/suspend/").text
    unreasoned = desk.post(f"/operators/organizations/{slug}/suspend/")
    still = call(acme.space, "GET", "/session", token).status_code
    done = desk.post(f"/operators/organizations/{slug}/suspend/", reason="does not pay")
    refused = call(acme.space, "GET", "/session", token)
    listed = desk.get(f"/operators/?text={slug}").text
    desk.post(f"/operators/organizations/{slug}/resume/", reason="has paid")

    assert "Suspend Acme?" in asked
    assert (unreasoned.status_code, still) == (422, 200)
    assert done.headers["location"] == "/operators/"
    assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    assert ">Suspended<" in listed
    assert call(acme.space, "GET", "/session", token).status_code == 200
    assert call(globex.space, "GET", "/session", globex.owner.token).status_code == 200
    lines = _written(slug)
    assert [(line.name, line.what, line.whom) for line in lines] == [
        ("Op", "organizations.resume", "Acme"),
        ("Op", "organizations.suspend", "Acme"),
    ]
    assert lines[1].detail == {"address": slug, "reason": "does not pay"}
    assert lines[1].client_address == desk.address
    log = desk.get("/operators/log/?text=Acme").text
    assert ">suspended Acme<" in log
    assert "Reason: does not pay" in log


def test_what_the_command_line_does_is_written_down_too(acme: Org, desk: Visitor) -> None:
    for what in ("suspend", "resume", "delete"):
        call_command("organization", what, acme.space.slug, stdout=io.StringIO())

    lines = _written(acme.space.slug)

    assert [line.what for line in lines] == [f"organizations.{what}" for what in ("delete", "resume", "suspend")]
    assert {(line.who_id, line.name) for line in lines} == {(None, "command line")}
    assert "The command line" in desk.get("/operators/log/").text


def test_what_cannot_be_suspended_is_not_found(acme: Org, desk: Visitor) -> None:
    organizations.suspend(acme.space.slug)

    assert desk.get(f"/operators/organizations/{acme.space.slug}/suspend/").status_code == 404
    assert desk.post("/operators/organizations/nobody-here/suspend/", reason="x").status_code == 404


def test_nobody_else_suspends_anything(acme: Org, globex: Org, operator: User) -> None:
    stranger, mallory = Visitor(settings.PUBLIC_URL), signed_in(globex.space, person(globex.space, "moss"))
    assert mallory.session().status_code == 200
    way = f"/operators/organizations/{acme.space.slug}/suspend/"

    assert "Suspend Acme?" not in stranger.get(way).text
    stranger.post(way, reason="because")
    assert mallory.post(way, reason="because").status_code == 404
    assert "does not pay" not in stranger.get("/operators/log/").text
    assert call(acme.space, "GET", "/session", acme.owner.token).status_code == 200
    assert _written(acme.space.slug) == []


def test_an_operator_keeps_the_last_second_factor(armed: User, desk: Visitor) -> None:
    desk.post("/operators/reauthenticate/", password=PASSWORD)

    kept = desk.post("/operators/2fa/totp/deactivate/")

    assert "cannot deactivate" in kept.text
    with entered(PUBLIC.schema_name):
        assert second_factor.has_one(armed.pk)


def _written(slug: str) -> list[AuditEntry]:
    """The newest first."""
    with entered(PUBLIC.schema_name):
        return list(AuditEntry.objects.filter(detail__address=slug).order_by("-pk"))
