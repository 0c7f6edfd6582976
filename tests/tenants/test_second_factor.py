"""Second factors: an organisation may require one, and then nobody does anything without; who has one keeps one."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import control
from tenants.people import credentials
from tenants.people.models import Role, Settings, User
from tenants.schema import entered
from tests.cast import Org
from tests.clients import opened, refused
from tests.clients import signed_in as signed_in_at
from tests.running import Running
from tests.tenants.visitors import PASSWORD, Visitor, call, ended, one_time_code, person, signed_in

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def arm(org: Org, user: User) -> None:
    with entered(org.space.schema_name):
        TOTP.activate(user, SECRET)


def require(org: Org) -> None:
    with entered(org.space.schema_name):
        Settings.objects.update_or_create(pk=1, defaults={"requires_second_factor": True})


@pytest.fixture
def admin(acme: Org) -> Visitor:
    """Ann, who has a second factor."""
    ann = person(acme.space, "ann", role=Role.ADMIN)
    browser = signed_in(acme.space, ann)
    arm(acme, ann)
    return browser


def test_who_requires_a_second_factor_must_have_one(acme: Org) -> None:
    eve = signed_in(acme.space, person(acme.space, "eve", role=Role.ADMIN))

    refused = eve.call("PATCH", "/settings", {"requires_second_factor": True})
    page = eve.post("/settings/", name="Acme", time_zone="UTC", requires_second_factor="on")

    assert (refused.status_code, refused.json()["code"]) == (409, "no_second_factor")
    assert page.status_code == 422
    assert "Set up a second factor for yourself first" in page.text
    assert eve.call("GET", "/settings").json()["requires_second_factor"] is False


def test_once_it_is_required_whoever_has_none_does_nothing_but_make_one(acme: Org, globex: Org, admin: Visitor) -> None:
    bob = person(acme.space, "bob")
    browser = signed_in(acme.space, bob)
    with entered(acme.space.schema_name):
        token = credentials.issue(bob, "script")[1]
    assert browser.get("/profile/").status_code == 200
    assert call(acme.space, "GET", "/session", token).status_code == 200

    assert admin.call("PATCH", "/settings", {"requires_second_factor": True}).status_code == 200

    for page in ("/", "/chat/general/", "/profile/", "/accounts/sessions/", "/accounts/password/change/", "/members/"):
        assert browser.get(page).headers["location"] == "/accounts/2fa/"
    for answer in (browser.call("GET", "/rooms"), browser.session(), call(acme.space, "GET", "/session", token)):
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    assert browser.post("/accounts/sessions/tokens/", name="another").headers["location"] == "/accounts/2fa/"
    assert "Your organisation requires a second factor" in browser.get("/accounts/2fa/").text
    assert browser.get("/accounts/email/").status_code == 200
    assert admin.get("/profile/").status_code == 200
    assert call(globex.space, "GET", "/session", globex.owner.token).status_code == 200


def test_the_way_in_is_to_make_one(acme: Org, admin: Visitor) -> None:
    browser = signed_in(acme.space, person(acme.space, "bob"))
    admin.call("PATCH", "/settings", {"requires_second_factor": True})

    browser.post("/accounts/reauthenticate/", password=PASSWORD)
    page = browser.get("/accounts/2fa/totp/activate/").text
    secret = page.split('id="secret" value="')[1].split('"')[0]
    made = browser.post("/accounts/2fa/totp/activate/", code=one_time_code(secret))

    assert made.headers["location"] == "/accounts/2fa/recovery-codes/"
    assert browser.get("/profile/").status_code == 200
    assert browser.session().status_code == 200


def test_who_signs_in_without_one_is_led_to_make_one(acme: Org) -> None:
    bob = person(acme.space, "bob")
    require(acme)

    browser = signed_in(acme.space, bob)

    assert browser.get("/").headers["location"] == "/accounts/2fa/"
    assert browser.post("/accounts/logout/").status_code == 302
    assert browser.session().status_code == 401


def test_the_last_one_stays_as_long_as_one_is_required(acme: Org, admin: Visitor) -> None:
    admin.call("PATCH", "/settings", {"requires_second_factor": True})
    admin.post("/accounts/reauthenticate/", password=PASSWORD)

    kept = admin.post("/accounts/2fa/totp/deactivate/")
    admin.call("PATCH", "/settings", {"requires_second_factor": False})
    removed = admin.post("/accounts/2fa/totp/deactivate/")

    assert kept.status_code == 200
    assert "You cannot deactivate two-factor authentication." in kept.text
    assert removed.status_code == 302
    with entered(acme.space.schema_name):
        assert not Authenticator.objects.exclude(type=Authenticator.Type.RECOVERY_CODES).exists()
    assert (control.PERSON, str(_id(admin))) in ended(acme.space)


def test_nobody_else_s_passkey_is_removed(acme: Org, globex: Org, admin: Visitor) -> None:
    bob = person(acme.space, "bob")
    with entered(acme.space.schema_name):
        key = Authenticator.objects.create(user=bob, type=Authenticator.Type.WEBAUTHN, data={"name": "Bob's"})

    admin.post("/accounts/reauthenticate/", password=PASSWORD)

    assert admin.post(f"/accounts/2fa/webauthn/keys/{key.pk}/remove/").status_code == 404
    with entered(acme.space.schema_name):
        assert Authenticator.objects.filter(pk=key.pk).exists()


def test_a_recovery_code_is_no_second_factor(acme: Org) -> None:
    bob = person(acme.space, "bob")
    with entered(acme.space.schema_name):
        Authenticator.objects.create(user=bob, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"})
    require(acme)

    assert signed_in(acme.space, bob).get("/").headers["location"] == "/accounts/2fa/"


def test_an_actor_is_known_by_one_query(acme: Org) -> None:
    bob = person(acme.space, "bob")
    require(acme)
    with entered(acme.space.schema_name):
        _row, token = credentials.issue(bob, "script")
        actor = credentials.by_token(acme.space, token)
        assert actor is not None
        with CaptureQueriesContext(connection) as queries:
            again = credentials.again(actor)

    assert again is not None
    assert again.must_enroll
    assert len([query for query in queries if "search_path" not in query["sql"]]) == 1


async def test_open_sockets_close_when_it_is_required_and_new_ones_do_not_open(
    server: Running, acme: Org, globex: Org
) -> None:
    bob, mallory = acme.add("bob"), globex.owner
    acme.inside(lambda: TOTP.activate(User.objects.get(pk=acme.owner.actor.user_id), SECRET))
    with signed_in_at(server, acme, bob) as browser:
        async with (
            opened(server, acme, by=bob) as script,
            opened(server, acme, **browser.headers) as page,
            opened(server, acme, by=acme.owner) as alice,
            opened(server, globex, by=mallory) as outsider,
        ):
            for each in (script, page, alice, outsider):
                await each.hears(on="welcome")
            with server.client(acme.space.slug, acme.owner.token) as http:
                changed = http.patch("/api/v1/settings", json={"requires_second_factor": True})
                assert changed.status_code == 200, changed.text

            assert await script.is_closed() == 4401
            assert await page.is_closed() == 4401
            assert (await alice.posts("still here"))["on"] == "ack"
            assert (await outsider.posts("still here"))["on"] == "ack"
        async with opened(server, acme, **browser.headers) as again:
            assert await again.is_closed() == 4401
        async with opened(server, acme, by=bob) as again:
            assert await again.is_closed() == 4401
    assert await refused(server, acme, by="cnv_wrong") == 401


async def test_a_socket_closes_when_a_required_second_factor_goes(server: Running, acme: Org) -> None:
    bob = acme.add("bob")

    def armed() -> None:
        TOTP.activate(User.objects.get(pk=bob.actor.user_id), SECRET)
        Settings.objects.update_or_create(pk=1, defaults={"requires_second_factor": True})

    acme.inside(armed)
    async with opened(server, acme, by=bob) as socket:
        await socket.hears(on="welcome")
        acme.inside(lambda: [each.delete() for each in Authenticator.objects.filter(user_id=bob.actor.user_id)])
        assert await socket.is_closed() == 4401


def _id(browser: Visitor) -> int:
    return int(browser.session().json()["user_id"])


def test_a_password_alone_does_not_let_in_whoever_has_one(acme: Org) -> None:
    bob = person(acme.space, "bob")
    arm(acme, bob)
    browser = Visitor(acme.space.url)

    first = browser.sign_in(bob.email, PASSWORD)
    half_way = browser.session()
    second = browser.post("/accounts/2fa/authenticate/", code=one_time_code(SECRET))

    assert first.headers["location"] == "/accounts/2fa/authenticate/"
    assert half_way.status_code == 401
    assert second.headers["location"] == "/"
    assert browser.session().status_code == 200
