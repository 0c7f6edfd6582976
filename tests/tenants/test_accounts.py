"""Signing in and out, passwords and addresses of people: each in the organisation, none beyond it."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import override_settings

from tenants import control
from tenants.directory import Space
from tenants.doors import Door, Receive, Scope, Send
from tenants.people import credentials
from tenants.people.models import Role, User
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.visitors import PASSWORD, Visitor, ended, mails, one_time_code, person, signed_in

NEW_PASSWORD = "staple battery horse"


def test_a_person_signs_in_and_out_and_control_hears_of_the_end(acme: Org) -> None:
    alice = person(acme.space, "alice")
    browser = Visitor(acme.space.url)

    signed = browser.sign_in(alice.email)
    who = browser.session()
    key = browser.session_key
    out = browser.post("/accounts/logout/")

    assert (signed.status_code, signed.headers["location"]) == (302, "/")
    assert who.json() == {
        "user": "Alice",
        "user_id": alice.pk,
        "role": "member",
        "email": alice.email,
        "email_verified": True,
        "organization": {
            "name": acme.space.name,
            "address": acme.space.address,
            "url": acme.space.url,
            "epoch": acme.space.epoch,
        },
    }
    assert (out.status_code, out.headers["location"]) == (302, "/accounts/login/")
    assert browser.session().status_code == 401
    assert (control.CREDENTIAL, credentials.digest(key)) in ended(acme.space)


def test_signing_in_makes_a_new_session(acme: Org) -> None:
    person(acme.space, "alice")
    browser = Visitor(acme.space.url)
    browser.get("/accounts/password/reset/")
    planted = "planted0planted0planted0planted0"

    browser.http.headers["cookie"] = f"session={planted}; csrftoken={browser.http.cookies['csrftoken']}"
    signed = browser.sign_in("alice@people.example")

    assert signed.status_code == 302
    assert signed.cookies["session"] != planted


def test_the_password_of_one_organisation_opens_no_other(acme: Org, globex: Org) -> None:
    person(acme.space, "alice")
    with entered(globex.space.schema_name):
        User.objects.create_user("alice@people.example", NEW_PASSWORD, name="Alice")
    browser = Visitor(globex.space.url)

    refused = browser.sign_in("alice@people.example", PASSWORD)

    assert refused.status_code == 200
    assert browser.session().status_code == 401
    assert browser.sign_in("alice@people.example", NEW_PASSWORD).status_code == 302


def test_a_cookie_of_one_organisation_is_nothing_in_another(acme: Org, globex: Org) -> None:
    alice = signed_in(acme.space, person(acme.space, "alice"))
    mallory = Visitor(globex.space.url)

    mallory.http.cookies.set("session", alice.session_key)

    assert mallory.session().status_code == 401
    assert alice.session().status_code == 200


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(acme: Org) -> None:
    person(acme.space, "alice")
    answers = [
        Visitor(acme.space.url).sign_in(email, "wrong horse battery")
        for email in ("alice@people.example", "x@y.example")
    ]

    said = [answer.text.partition('role="alert">')[2].partition("</div>")[0] for answer in answers]

    assert "not correct" in said[0]
    assert said[0] == said[1]


def test_nobody_signs_up_on_the_accounts_pages(acme: Org) -> None:
    assert Visitor(acme.space.url).get("/accounts/signup/").status_code == 404


SIGNED_OUT = (
    "login/",
    "inactive/",
    "confirm-email/",
    "confirm-email/nokey/",
    "password/reset/",
    "password/reset/done/",
    "password/reset/key/1-no-key/",
    "password/reset/key/done/",
)
SIGNED_IN = ("logout/", "email/", "password/change/", "2fa/", "sessions/", "reauthenticate/")


def test_every_page_of_accounts_opens(acme: Org) -> None:
    somebody = signed_in(acme.space, person(acme.space, "alice"))

    for page in SIGNED_OUT:
        assert Visitor(acme.space.url).get(f"/accounts/{page}").status_code == 200, page
    for page in SIGNED_IN:
        assert somebody.get(f"/accounts/{page}").status_code == 200, page
        assert Visitor(acme.space.url).get(f"/accounts/{page}").status_code == 302, page


def test_a_second_factor_is_asked_for_once_there_is_one(acme: Org) -> None:
    alice = person(acme.space, "alice")
    browser = signed_in(acme.space, alice)
    browser.post("/accounts/reauthenticate/", password=PASSWORD)
    page = browser.get("/accounts/2fa/totp/activate/").text
    with entered(acme.space.schema_name):
        named = get_mfa_adapter().build_totp_url(alice, "secret")
    secret = re.findall(r"\b[A-Z2-7]{32}\b", page)[0]

    browser.post("/accounts/2fa/totp/activate/", code=one_time_code(secret))
    again = Visitor(acme.space.url)
    half_way = again.sign_in(alice.email)
    before = again.session()
    again.post("/accounts/2fa/authenticate/", code=one_time_code(secret))

    assert f"issuer={acme.space.name}" in named
    assert half_way.headers["location"] == "/accounts/2fa/authenticate/"
    assert before.status_code == 401
    assert again.session().status_code == 200


def test_a_forgotten_password_is_replaced_by_a_link_to_the_organisations_own_address(acme: Org) -> None:
    alice = person(acme.space, "alice")
    browser = Visitor(acme.space.url)

    browser.post("/accounts/password/reset/", email=alice.email)
    (mail,) = mails(acme.space, alice.email)
    (link,) = [link for link in mail.links if "/reset/" in link]
    form = browser.get(link)
    path = form.headers["location"]
    saved = browser.post(path, password1=NEW_PASSWORD, password2=NEW_PASSWORD)

    assert mail.to == alice.email
    assert acme.space.name in mail.text
    assert link.startswith(f"{acme.space.url}/accounts/")
    assert saved.headers["location"] == "/accounts/password/reset/key/done/"
    assert Visitor(acme.space.url).sign_in(alice.email, PASSWORD).status_code == 200
    assert Visitor(acme.space.url).sign_in(alice.email, NEW_PASSWORD).status_code == 302
    assert (control.PERSON, str(alice.pk)) in ended(acme.space)
    assert "no longer works" in Visitor(acme.space.url).get(link).text


def test_nobody_learns_who_has_an_account_by_asking_for_a_link(acme: Org) -> None:
    person(acme.space, "alice")
    page = "/accounts/password/reset/"

    known = Visitor(acme.space.url).post(page, email="alice@people.example")
    unknown = Visitor(acme.space.url).post(page, email="x@y.example")

    assert known.headers["location"] == unknown.headers["location"]
    assert len(mails(acme.space, "alice@people.example")) == 1
    assert mails(acme.space, "x@y.example") == []


def test_a_forged_host_finds_its_way_into_no_mail(acme: Org) -> None:
    alice = person(acme.space, "alice")
    browser = Visitor(acme.space.url)

    forged = browser.get("/accounts/password/reset/", headers={"host": "evil.example"})
    browser.http.headers["x-forwarded-host"] = "evil.example"
    browser.post("/accounts/password/reset/", email=alice.email)

    assert forged.status_code == 404
    (mail,) = mails(acme.space, alice.email)
    assert "evil" not in mail.text
    assert acme.space.url in mail.text


def test_a_reset_link_of_one_organisation_is_refused_in_another(acme: Org, globex: Org) -> None:
    alice = person(acme.space, "alice")
    _same_row_in(globex.space, alice)
    Visitor(acme.space.url).post("/accounts/password/reset/", email=alice.email)
    (link,) = [link for link in mails(acme.space, alice.email)[0].links if "/reset/" in link]

    elsewhere = Visitor(globex.space.url).get(link.removeprefix(acme.space.url))

    assert "no longer works" in elsewhere.text
    assert Visitor(acme.space.url).get(link).status_code == 302


def test_an_address_is_verified_by_the_mailed_link(acme: Org) -> None:
    alice = person(acme.space, "alice", verified=False)
    browser = signed_in(acme.space, alice)
    before = browser.session().json()["email_verified"]

    browser.post("/accounts/email/", email=alice.email, action_send="")
    (link,) = [link for link in mails(acme.space, alice.email)[-1].links if "/confirm-email/" in link]
    looked = browser.get(link)
    still = browser.session().json()["email_verified"]
    browser.post(link.removeprefix(acme.space.url))

    assert link.startswith(acme.space.url)
    assert (before, looked.status_code, still) == (False, 200, False)
    assert browser.session().json()["email_verified"] is True
    assert (control.PERSON, str(alice.pk)) in ended(acme.space)


def test_a_verification_link_of_one_organisation_means_nothing_in_another(acme: Org, globex: Org) -> None:
    alice = person(acme.space, "alice", verified=False)
    mallory = _same_row_in(globex.space, alice)
    with entered(acme.space.schema_name):
        confirmation = EmailAddress.objects.get(user=alice).send_confirmation()
    with entered(globex.space.schema_name):
        theirs = EmailAddress.objects.create(
            pk=confirmation.email_address_id, user=mallory, email=mallory.email, primary=True
        )
        EmailConfirmation.objects.create(pk=confirmation.pk, email_address=theirs, key="k" * 64)

    elsewhere = Visitor(globex.space.url).post(f"/accounts/confirm-email/{confirmation.key}/")

    assert elsewhere.status_code == 404
    with entered(globex.space.schema_name):
        assert not EmailAddress.objects.filter(verified=True, user=mallory).exists()
    Visitor(acme.space.url).post(f"/accounts/confirm-email/{confirmation.key}/")
    with entered(acme.space.schema_name):
        assert EmailAddress.objects.filter(verified=True, user=alice).exists()


def test_nobody_takes_over_an_address_that_somebody_here_signs_in_with(acme: Org) -> None:
    person(acme.space, "bob")
    browser = signed_in(acme.space, person(acme.space, "alice", verified=False))

    browser.post("/accounts/email/", email="bob@people.example", action_add="")
    told = browser.post("/accounts/email/", email="bob@people.example", action_primary="")

    assert told.status_code == 302
    assert "signs in with this address already" in browser.get("/accounts/email/").text
    assert browser.session().json()["email"] == "alice@people.example"


def test_a_changed_password_ends_the_other_sessions(acme: Org) -> None:
    alice = person(acme.space, "alice")
    here, elsewhere = signed_in(acme.space, alice), signed_in(acme.space, alice)

    here.post("/accounts/password/change/", oldpassword=PASSWORD, password1=NEW_PASSWORD, password2=NEW_PASSWORD)

    assert here.session().status_code == 200
    assert elsewhere.session().status_code == 401
    assert (control.PERSON, str(alice.pk)) in ended(acme.space)


def test_a_person_ends_the_sessions_left_open_elsewhere(acme: Org) -> None:
    alice = person(acme.space, "alice")
    here, elsewhere = signed_in(acme.space, alice), signed_in(acme.space, alice)
    key = elsewhere.session_key

    here.post("/accounts/sessions/end-others/")

    assert here.session().status_code == 200
    assert elsewhere.session().status_code == 401
    assert (control.CREDENTIAL, credentials.digest(key)) in ended(acme.space)


def test_a_session_that_another_secret_has_signed_is_ended_for_control_too(acme: Org) -> None:
    alice = person(acme.space, "alice")
    browser = signed_in(acme.space, alice)

    with entered(acme.space.schema_name), override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        Session.objects.get(session_key=browser.session_key).delete()

    assert (control.CREDENTIAL, credentials.digest(browser.session_key)) in ended(acme.space)


def test_a_deactivated_person_is_out(acme: Org) -> None:
    alice = person(acme.space, "alice")
    browser = signed_in(acme.space, alice)
    with entered(acme.space.schema_name):
        held = credentials.by_session(acme.space, browser.session_key)
        assert held is not None
        alice.is_active = False
        alice.save()
        again = credentials.again(held)

    assert again is None
    assert browser.session().status_code == 401
    assert (control.PERSON, str(alice.pk)) in ended(acme.space)
    visitor = Visitor(acme.space.url)
    assert visitor.sign_in(alice.email).headers["location"] == "/accounts/inactive/"
    assert f"ask an admin of {acme.space.name}" in visitor.get("/accounts/inactive/").text


def test_tries_to_guess_a_password_are_counted_by_the_organisation_alone(acme: Org, globex: Org) -> None:
    person(acme.space, "alice")
    with entered(globex.space.schema_name):
        User.objects.create_user("alice@people.example", PASSWORD, name="Alice")
    for _ in range(5):
        Visitor(acme.space.url).sign_in("alice@people.example", "wrong horse battery")

    exhausted = Visitor(acme.space.url).sign_in("alice@people.example")

    assert "Too many failed login attempts" in exhausted.text
    assert Visitor(globex.space.url).sign_in("alice@people.example").status_code == 302


def test_tries_at_once_are_counted_one_by_one(acme: Org) -> None:
    person(acme.space, "alice")
    guesses = [Visitor(acme.space.url) for _ in range(5)]

    with ThreadPoolExecutor() as crowd:
        list(crowd.map(lambda guess: guess.sign_in("alice@people.example", "wrong horse battery"), guesses))

    assert "Too many failed login attempts" in Visitor(acme.space.url).sign_in("alice@people.example").text


@override_settings(LIMITS="unlimited")
def test_unlimited_leaves_the_sign_in_throttles(acme: Org) -> None:
    person(acme.space, "alice")
    browser = Visitor(acme.space.url)
    for _ in range(5):
        browser.sign_in("alice@people.example", "wrong horse battery")

    assert "Too many failed login attempts" in browser.sign_in("alice@people.example").text


def test_opening_a_socket_after_the_secret_was_rotated_signs_nobody_out(acme: Org) -> None:
    browser = signed_in(acme.space, person(acme.space, "alice"))
    old = settings.SECRET_KEY

    with override_settings(SECRET_KEY="n" * 50, SECRET_KEY_FALLBACKS=[old]):
        rotated = _open_socket(acme.space, browser.session_key)
    with override_settings(SECRET_KEY="n" * 50, SECRET_KEY_FALLBACKS=[]):
        forgotten = _open_socket(acme.space, browser.session_key)

    assert rotated == {"type": "websocket.accept"}
    assert forgotten == {"type": "websocket.accept", "then": 4401}
    assert browser.session().status_code == 200


def _open_socket(space: Space, session_key: str) -> dict[str, Any]:
    """The door's first word to a browser that opens a socket, and the code if it closes at once."""
    scope = {
        "type": "websocket",
        "path": "/ws/",
        "client": ("127.0.0.1", 4000),
        "headers": [
            (b"host", space.url.removeprefix("http://").encode()),
            (b"origin", space.url.encode()),
            (b"cookie", f"{settings.SESSION_COOKIE_NAME}={session_key}".encode()),
        ],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def let_in(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["actor"].name == "Alice"
        await send({"type": "websocket.accept"})

    asyncio.run(Door(let_in, let_in, let_in)(scope, receive, send))
    return sent[0] | ({"then": sent[1]["code"]} if len(sent) > 1 else {})


def _same_row_in(space: Space, user: User) -> User:
    """Mallory, with the very row that somebody has elsewhere: its number, address, password and all."""
    with entered(space.schema_name):
        User.objects.filter(pk=user.pk).delete()
        mallory = User(pk=user.pk, email=user.email, name="Mallory", role=Role.OWNER, password=user.password)
        mallory.save(force_insert=True)
        return mallory
