"""Joining by a link: used by whoever holds one."""

import re

import pytest
from allauth.account.models import EmailAddress

from tenants import signals
from tenants.directory import Space
from tenants.people import credentials, joining
from tenants.people.models import Invitation, Role, User
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.visitors import PASSWORD, Visitor, call, mails, person, signed_in


@pytest.fixture
def owner(acme: Org) -> Visitor:
    return signed_in(acme.space, person(acme.space, "ann", role=Role.OWNER))


@pytest.fixture
def link(owner: Visitor) -> str:
    """The path of an invitation by link into acme."""
    return _made_by(owner)


def test_the_holder_of_a_link_joins_and_is_signed_in(acme: Org, link: str) -> None:
    bob = Visitor(acme.space.url)

    form = bob.get(link)
    joined = bob.post(link, name="Bob", email="Bob@Example.com", password=PASSWORD)
    session = bob.session().json()

    assert form.status_code == 200
    assert (joined.status_code, joined.headers["location"]) == (302, "/")
    assert (session["user"], session["role"], session["email"]) == ("Bob", "member", "bob@example.com")
    assert session["email_verified"] is False
    (mail,) = mails(acme.space, "bob@example.com")
    assert acme.space.name in mail.text
    assert any(each.startswith(f"{acme.space.url}/accounts/confirm-email/") for each in mail.links)


def test_looking_at_a_link_changes_nothing(acme: Org, link: str) -> None:
    before = _people(acme.space)

    for _ in range(2):
        Visitor(acme.space.url).get(f"{link}?name=Bob&email=bob@example.com&password={PASSWORD}")

    assert _people(acme.space) == before


def test_a_link_of_one_organisation_opens_no_other(globex: Org, link: str) -> None:
    mallory = Visitor(globex.space.url)
    before = _people(globex.space)

    refused = mallory.post(link, name="Mallory", email="mallory@example.com", password=PASSWORD)

    assert refused.status_code == 404
    assert "does not work any more" in refused.text
    assert _people(globex.space) == before


def test_a_revoked_link_lets_nobody_in(acme: Org, owner: Visitor, link: str) -> None:
    with entered(acme.space.schema_name):
        made = Invitation.objects.get()

    owner.post(f"/members/invitations/{made.pk}/revoke/")

    assert Visitor(acme.space.url).get(link).status_code == 404
    assert Visitor(acme.space.url).post(link, name="Bob", email="b@example.com", password=PASSWORD).status_code == 404


def test_a_link_ends_with_the_rights_of_its_maker(acme: Org, link: str) -> None:
    with entered(acme.space.schema_name):
        User.objects.filter(name="Ann").update(role=Role.MEMBER)

    assert Visitor(acme.space.url).get(link).status_code == 404


def test_whoever_is_here_already_is_told_to_sign_in(acme: Org, link: str) -> None:
    person(acme.space, "bob")

    told = Visitor(acme.space.url).post(link, name="Bob", email="BOB@people.example", password=PASSWORD)

    assert told.status_code == 422
    assert "sign in instead" in told.text


def test_without_a_link_nobody_is_told_who_is_here(acme: Org) -> None:
    person(acme.space, "bob")
    said = [
        Visitor(acme.space.url)
        .post("/join/guessed/", name="Bob", email=email, password=PASSWORD)
        .text.partition("<main")[2]
        for email in ("bob@people.example", "nobody@people.example")
    ]

    assert "does not work any more" in said[0]
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", " \u200b ", "Write a name of 1 to 80 characters"),
        ("name", "a\u202eb", "Write a name of 1 to 80 characters"),
        ("email", "bob@", "valid email"),
        ("password", "short", "at least 10 characters"),
        ("password", "password1234", "too common"),
    ],
)
def test_bad_input_is_told_by_its_field(acme: Org, link: str, field: str, value: str, sentence: str) -> None:
    fields = {"name": "Bob", "email": "bob@example.com", "password": PASSWORD} | {field: value}
    before = _people(acme.space)

    told = Visitor(acme.space.url).post(link, **fields)

    assert told.status_code == 422
    assert sentence in told.text
    assert _people(acme.space) == before


def test_names_are_written_in_any_script(acme: Org, link: str) -> None:
    bob = Visitor(acme.space.url)

    bob.post(link, name="مریم \u200cزنده 👩\u200d👧", email="bob@example.com", password=PASSWORD)

    assert bob.session().json()["user"] == "مریم \u200cزنده 👩\u200d👧"


def test_only_owners_and_admins_make_links(acme: Org) -> None:
    member = signed_in(acme.space, person(acme.space, "bob"))
    admin = signed_in(acme.space, person(acme.space, "eve", role=Role.ADMIN))

    refused = member.call("POST", "/invitations", {})
    made = admin.call("POST", "/invitations", {})

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert member.post("/members/invite/", by="link").status_code == 403
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert made.json()["url"].startswith(f"{acme.space.url}/join/")


def test_an_unverified_owner_makes_no_links(acme: Org) -> None:
    owner = signed_in(acme.space, person(acme.space, "ann", role=Role.OWNER, verified=False))

    refused = owner.call("POST", "/invitations", {})

    assert (refused.status_code, refused.json()["code"]) == (403, "unverified")
    assert "Verify your e-mail address" in owner.post("/members/invite/", by="link", role="member").text


def test_until_the_owner_is_verified_there_are_three_people(acme: Org, link: str) -> None:
    with entered(acme.space.schema_name):
        EmailAddress.objects.filter(user__role=Role.OWNER).update(verified=False)
        _leave(2)
    third, fourth = Visitor(acme.space.url), Visitor(acme.space.url)

    third.post(link, name="Bob", email="bob@example.com", password=PASSWORD)
    refused = fourth.post(link, name="Cy", email="cy@example.com", password=PASSWORD)

    assert third.session().status_code == 200
    assert refused.status_code == 403
    assert "once the owner of this space has verified" in refused.text


def test_what_fails_beside_a_newcomer_undoes_the_newcomer(acme: Org, link: str) -> None:
    def break_down(**_: object) -> None:
        raise RuntimeError("a receiver's own trouble")

    secret = link.removeprefix("/join/").removesuffix("/")
    before = _people(acme.space)
    signals.joined.connect(break_down)
    try:
        with entered(acme.space.schema_name), pytest.raises(RuntimeError, match="own trouble"):
            joining.join(acme.space, secret, "Bob", "bob@example.com", PASSWORD)
    finally:
        signals.joined.disconnect(break_down)

    assert _people(acme.space) == before
    assert mails(acme.space, "bob@example.com") == []


def test_receivers_learn_who_joined_in_the_organisations_own_schema(acme: Org, link: str) -> None:
    heard: list[tuple[Space, str]] = []

    def note(space: Space, user_id: int, **_: object) -> None:
        heard.append((space, User.objects.get(pk=user_id).name))

    signals.joined.connect(note)
    try:
        Visitor(acme.space.url).post(link, name="Bob", email="bob@example.com", password=PASSWORD)
    finally:
        signals.joined.disconnect(note)

    assert heard == [(acme.space, "Bob")]


def test_joining_is_throttled_per_client(acme: Org, link: str) -> None:
    bob = Visitor(acme.space.url)
    for _ in range(20):
        bob.post(link, name="Bob", email="bob@", password=PASSWORD)

    late = bob.post(link, name="Bob", email="bob@example.com", password=PASSWORD)

    assert late.status_code == 429
    assert "Wait a few minutes" in late.text
    assert Visitor(acme.space.url).post(link, name="Cy", email="cy@example.com", password=PASSWORD).status_code == 302


def test_a_member_who_follows_a_link_stays_who_they_are(acme: Org, owner: Visitor, link: str) -> None:
    followed = owner.get(link)

    assert (followed.status_code, followed.headers["location"]) == (302, "/")
    assert owner.session().json()["user"] == "Ann"


def test_a_link_is_shown_once_and_kept_as_a_hash(acme: Org, owner: Visitor) -> None:
    shown = re.findall(r"/join/([a-z2-7]{32})/", owner.post("/members/invite/", by="link", role="member").text)
    later = owner.get("/members/").text

    assert len(shown) == 1
    assert shown[0] not in later
    assert "made by <bdi>Ann</bdi>" in later
    with entered(acme.space.schema_name):
        assert Invitation.objects.get().token_hash == credentials.digest(shown[0])


def test_a_member_list_names_the_active_people(acme: Org, globex: Org, owner: Visitor) -> None:
    person(globex.space, "mallory")
    gone = person(acme.space, "gone")
    with entered(acme.space.schema_name):
        User.objects.filter(pk=gone.pk).update(is_active=False)

    members = owner.call("GET", "/members").json()["members"]

    assert {"user_id", "user", "role", "active", "email"} == set(members[0])
    assert "Ann" in {each["user"] for each in members}
    assert {"Gone", "Mallory"}.isdisjoint(each["user"] for each in members)
    token = _token(globex.space)
    assert "Mallory" in {each["user"] for each in call(globex.space, "GET", "/members", token).json()["members"]}


def _made_by(browser: Visitor) -> str:
    url: str = browser.call("POST", "/invitations", {}).json()["url"]
    return url.removeprefix(browser.url)


def _token(space: Space) -> str:
    with entered(space.schema_name):
        return credentials.issue(User.objects.get(name="Mallory"), "for the test")[1]


def _people(space: Space) -> int:
    with entered(space.schema_name):
        return User.objects.count()


def _leave(most: int) -> None:
    """Deactivate people until `most` are active."""
    for user in User.objects.filter(is_active=True).exclude(name="Ann")[most - 1 :]:
        User.objects.filter(pk=user.pk).update(is_active=False)
    assert User.objects.filter(is_active=True).count() == most
