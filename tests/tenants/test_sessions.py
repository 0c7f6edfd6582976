"""One's own ways in: where one is signed in, one's tokens, and that what is ended is ended."""

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.utils import timezone

from tenants.people.models import AuditEntry, Token
from tenants.people.sessions import device
from tenants.schema import entered
from tests.cast import Org
from tests.clients import opened
from tests.clients import signed_in as signed_in_at
from tests.running import Running
from tests.tenants.visitors import Visitor, call, person, signed_in

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0 Safari/537.36"
    " Edg/139.0"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0"
    " Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("user_agent", "called"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        (IPHONE, "Safari on iPhone"),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("", "An unknown device"),
    ],
)
def test_a_browser_is_called_what_people_call_it(user_agent: str, called: str) -> None:
    assert device(user_agent) == called


def test_everybody_sees_their_own_sessions_and_which_this_one_is(acme: Org, globex: Org) -> None:
    alice, bob = person(acme.space, "alice"), person(acme.space, "bob")
    here, elsewhere, bobs = (signed_in(acme.space, each) for each in (alice, alice, bob))
    mallory = signed_in(globex.space, person(globex.space, "mallory2"))

    found = here.call("GET", "/sessions").json()["sessions"]

    assert {each["address"] for each in found} == {here.address, elsewhere.address}
    assert [each["address"] for each in found if each["current"]] == [here.address]
    assert [each["address"] for each in bobs.call("GET", "/sessions").json()["sessions"]] == [bobs.address]
    assert [each["address"] for each in mallory.call("GET", "/sessions").json()["sessions"]] == [mallory.address]
    page = here.get("/accounts/sessions/").text
    assert elsewhere.address in page
    assert bobs.address not in page


def test_the_last_use_is_written_once_a_minute(acme: Org) -> None:
    browser = signed_in(acme.space, person(acme.space, "alice"))
    long_ago = timezone.now() - timedelta(hours=5)
    just_now = timezone.now() - timedelta(seconds=30)

    assert _last_seen(acme, browser, long_ago) > timezone.now() - timedelta(minutes=1)
    assert _last_seen(acme, browser, just_now) == just_now


def _last_seen(org: Org, browser: Visitor, before: object) -> object:
    with entered(org.space.schema_name):
        UserSession.objects.filter(session_key=browser.session_key).update(last_seen_at=before)
    assert browser.session().status_code == 200
    with entered(org.space.schema_name):
        return UserSession.objects.get(session_key=browser.session_key).last_seen_at


def test_one_session_is_ended_and_it_is_written_down(acme: Org) -> None:
    alice = person(acme.space, "alice")
    here, elsewhere = signed_in(acme.space, alice), signed_in(acme.space, alice)
    other = next(each["id"] for each in here.call("GET", "/sessions").json()["sessions"] if not each["current"])

    ended = here.call("DELETE", f"/sessions/{other}")

    assert ended.status_code == 204
    assert elsewhere.session().status_code == 401
    assert here.session().status_code == 200
    assert here.call("DELETE", f"/sessions/{other}").status_code == 404
    with entered(acme.space.schema_name):
        assert AuditEntry.objects.latest("pk").what == "sessions.end"


def test_nobody_ends_the_session_of_somebody_else(acme: Org, globex: Org) -> None:
    alice, bob = signed_in(acme.space, person(acme.space, "alice")), signed_in(acme.space, person(acme.space, "bob"))
    mallory = signed_in(globex.space, person(globex.space, "mallory2"))
    (theirs,) = alice.call("GET", "/sessions").json()["sessions"]
    assert mallory.call("GET", "/sessions").status_code == 200

    tried = [
        bob.call("DELETE", f"/sessions/{theirs['id']}"),
        mallory.call("DELETE", f"/sessions/{theirs['id'] + 1000}"),
        bob.call("DELETE", "/sessions/999999"),
    ]
    bob.call("DELETE", "/sessions")

    assert [(each.status_code, each.json()["code"]) for each in tried] == [(404, "not_found")] * 3
    assert alice.session().status_code == 200


def test_all_others_are_ended_by_the_page(acme: Org) -> None:
    alice = person(acme.space, "alice")
    here, there, yonder = (signed_in(acme.space, alice) for _ in range(3))

    answer = here.post("/accounts/sessions/end-others/")

    assert answer.headers["location"] == "/accounts/sessions/"
    assert "2 other sessions are ended." in here.get("/accounts/sessions/").text
    assert [each.session().status_code for each in (here, there, yonder)] == [200, 401, 401]


def test_one_is_ended_by_the_page(acme: Org) -> None:
    alice = person(acme.space, "alice")
    here, elsewhere = signed_in(acme.space, alice), signed_in(acme.space, alice)
    (way,) = re.findall(r'action="(/accounts/sessions/\d+/end/)"', here.get("/accounts/sessions/").text)

    here.post(way)
    again = here.post(way)

    assert elsewhere.session().status_code == 401
    assert again.headers["location"] == "/accounts/sessions/"
    assert "You have no such session" in here.get("/accounts/sessions/").text


def test_a_session_of_an_earlier_password_is_listed_no_more(acme: Org) -> None:
    alice = person(acme.space, "alice")
    here = signed_in(acme.space, alice)
    signed_in(acme.space, alice)
    with entered(acme.space.schema_name):
        token = _token(alice)
        assert len(call(acme.space, "GET", "/sessions", token).json()["sessions"]) == 2
        alice.set_password("another horse battery")
        alice.save()

    assert call(acme.space, "GET", "/sessions", token).json() == {"sessions": []}
    assert here.session().status_code == 401


def _token(user: object) -> str:
    from tenants.people import credentials

    return credentials.issue(user, "script")[1]  # type: ignore[arg-type]


def test_a_token_is_made_shown_once_and_ended_on_the_page(acme: Org) -> None:
    alice = signed_in(acme.space, person(acme.space, "alice"))

    made = alice.post("/accounts/sessions/tokens/", name="ci <b>")
    (text,) = re.findall(r'value="(cnv_[a-z2-7]{32})"', made.text)
    works = call(acme.space, "GET", "/session", text).status_code
    listed = alice.get("/accounts/sessions/").text
    (way,) = re.findall(r'action="(/accounts/sessions/tokens/\d+/end/)"', listed)
    alice.post(way)

    assert made.headers["cache-control"].startswith("max-age=0, no-cache, no-store")
    assert works == 200
    assert text not in listed
    assert "ci &lt;b&gt;" in listed
    assert call(acme.space, "GET", "/session", text).status_code == 401


def test_the_page_says_why_a_token_is_not_made(acme: Org) -> None:
    carol = signed_in(acme.space, person(acme.space, "carol", verified=False))
    alice = signed_in(acme.space, person(acme.space, "alice"))

    unproven = carol.post("/accounts/sessions/tokens/", name="x")
    nameless = alice.post("/accounts/sessions/tokens/", name="  ")

    assert unproven.status_code == 403
    assert "Verify your e-mail address first" in unproven.text
    assert nameless.status_code == 422
    with entered(acme.space.schema_name):
        assert not Token.objects.filter(name="x").exists()


async def test_an_ended_session_loses_its_sockets_and_no_others(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    with signed_in_at(server, acme, bob) as here, signed_in_at(server, acme, bob) as there:
        async with (
            opened(server, acme, **here.headers) as staying,
            opened(server, acme, **there.headers) as ending,
            opened(server, acme, by=bob) as script,
        ):
            for each in (staying, ending, script):
                await each.hears(on="welcome")
            proofs = {"X-CSRFToken": here.http.cookies["csrftoken"], "Origin": here.origin}
            sessions = here.http.get("/api/v1/sessions").json()["sessions"]
            other = next(each["id"] for each in sessions if not each["current"])
            ended = here.http.delete(f"/api/v1/sessions/{other}", headers=proofs)
            assert ended.status_code == 204, ended.text

            assert await ending.is_closed() == 4401
            assert (await staying.posts("still here"))["on"] == "ack"
            assert (await script.posts("so is the script"))["on"] == "ack"
