"""Passkeys, by a real browser and an authenticator of its own: added, used beside the password, used without one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from playwright.sync_api import expect

from tests.e2e.conftest import Open, aside
from tests.e2e.people import PASSWORD, Person
from tests.tenants.visitors import one_time_code

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def home(server: Any) -> str:
    """A space of its own: these tests change how its people sign in."""

    def make() -> str:
        from tests.cast import found

        org = found("keys", owner="Alice")
        org.add("Bob")
        return org.space.slug

    return f"http://{server.host(aside(make))}"


def test_a_passkey_is_added_and_signs_in_without_a_password(opens: Open, home: str) -> None:
    alice = opens(home)
    with authenticator(alice):
        alice.signs_in(mail("alice", home))
        adds_a_passkey(alice, alone=True)
        expect(alice.page.get_by_role("heading", name="Recovery codes")).to_be_visible()
        signs_out(alice)

        alice.page.get_by_role("button", name="Sign in with a passkey").click()

        alice.page.wait_for_url(f"{home}/")
        expect(alice.page.get_by_role("heading", level=1)).to_be_visible()


def test_a_passkey_is_asked_for_beside_the_password(opens: Open, home: str) -> None:
    alice = opens(home)
    with authenticator(alice):
        alice.signs_in(mail("alice", home))
        adds_a_passkey(alice, alone=False)
        signs_out(alice)

        alice.signs_in(mail("alice", home))
        alice.page.wait_for_url(f"{home}/accounts/2fa/authenticate/")
        alice.page.get_by_role("button", name="Use a passkey").click()

        alice.page.wait_for_url(f"{home}/")


def test_whoever_must_have_a_second_factor_adds_a_passkey_and_goes_on(opens: Open, home: str) -> None:
    bob = opens(home)
    bob.signs_in(mail("bob", home))
    bob.page.wait_for_url(f"{home}/")
    aside(lambda: require(home))

    bob.goes_to("/chat/general/")
    expect(bob.page.get_by_text("Your organisation requires a second factor")).to_be_visible()
    with authenticator(bob):
        adds_a_passkey(bob, alone=False)
        bob.goes_to("/chat/general/")
        bob.is_online()

        bob.goes_to("/accounts/2fa/webauthn/")
        bob.page.get_by_role("link", name="Remove").click()
        expect(bob.page.get_by_text("This is your last second factor")).to_be_visible()


def test_who_is_chatting_when_it_becomes_required_is_led_to_the_door(opens: Open, home: str) -> None:
    bob = opens(home)
    bob.signs_in(mail("bob", home))
    bob.page.wait_for_url(f"{home}/")
    bob.enters("general")

    aside(lambda: require(home))

    bob.page.wait_for_url(f"{home}/accounts/2fa/")


def test_the_passkey_of_one_person_signs_in_nobody_at_another_space(opens: Open, home: str, space: Any) -> None:
    alice = opens(home)
    with authenticator(alice):
        alice.signs_in(mail("alice", home))
        adds_a_passkey(alice, alone=True)
        alice.page.goto(f"{space.home}/accounts/login/")
        with alice.page.expect_console_message(lambda said: said.type == "error" and "NotAllowedError" in said.text):
            alice.page.get_by_role("button", name="Sign in with a passkey").click()

        alice.page.goto(f"{space.home}/chat/")
        expect(alice.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_an_operator_adds_a_passkey_and_signs_in_with_it(opens: Open, server: Any) -> None:
    email = aside(make_operator)
    operator = opens(server.url)
    with authenticator(operator):
        operator.goes_to("/operators/login/")
        operator.page.get_by_label("E-mail").fill(email)
        operator.page.get_by_label("Password").fill(PASSWORD)
        operator.page.get_by_role("button", name="Sign in", exact=True).click()
        operator.page.get_by_label("Code of your app").fill(one_time_code(SECRET))
        operator.page.get_by_role("button", name="Sign in", exact=True).click()
        expect(operator.page.get_by_role("heading", name="Organisations")).to_be_visible()
        adds_a_passkey(operator, alone=True, under="/operators/")
        operator.goes_to("/operators/")
        operator.page.get_by_role("button", name="Sign out").click()

        operator.goes_to("/operators/login/")
        operator.page.get_by_role("button", name="Sign in with a passkey").click()

        expect(operator.page.get_by_role("heading", name="Organisations")).to_be_visible()


@contextmanager
def authenticator(person: Person) -> Iterator[None]:
    """A security key in this browser, whose owner always says yes."""
    devtools = person.context.new_cdp_session(person.page)
    devtools.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield
    devtools.detach()


def adds_a_passkey(person: Person, *, alone: bool, under: str = "/accounts/") -> None:
    """Shows the password again first: whoever finds an open browser adds no key of theirs."""
    person.page.wait_for_load_state()
    person.goes_to(f"{under}2fa/webauthn/add/")
    person.page.get_by_label("Password").or_(person.page.get_by_label("Code of your app")).fill(PASSWORD)
    person.page.get_by_role("button", name="Confirm").click()
    person.page.get_by_label("Name of the passkey").fill("This laptop")
    if alone:
        person.page.get_by_label("without the password").check()
    person.page.get_by_role("button", name="Add", exact=True).click()
    person.page.wait_for_url(re.compile("/2fa/(recovery-codes/)?$"))


def signs_out(person: Person) -> None:
    person.goes_to("/accounts/logout/")
    person.page.locator("main").get_by_role("button", name="Sign out").click()
    person.page.wait_for_url("**/accounts/login/")


def mail(name: str, home: str) -> str:
    slug = home.removeprefix("http://").partition(".")[0]
    return f"{name}@{slug}.example"


def require(home: str) -> None:
    from tenants import control
    from tenants.models import Organization
    from tenants.people.models import Settings
    from tenants.schema import entered

    slug = home.removeprefix("http://").partition(".")[0]
    row = Organization.objects.get(domains__domain=slug)
    with entered(row.schema_name):
        Settings.objects.create(pk=1, requires_second_factor=True)
        control.append(row.key, control.SECOND_FACTOR)


def make_operator() -> str:
    from allauth.account.models import EmailAddress

    from tenants.people.models import Role, User

    email = "keeper@example.com"
    user = User.objects.create_user(email, PASSWORD, name="Keeper", role=Role.OWNER)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    TOTP.activate(user, SECRET)
    return email
