"""Invitations: made by whoever may, for a role and rooms that they may give, accepted once and by nobody else."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from realtime.chat.models import Membership, Room
from tenants.people import invitations, joining, members
from tenants.people.models import AuditEntry, Invitation, Role, Settings, User
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.together import together
from tests.tenants.visitors import PASSWORD, Visitor, call, mails, person, signed_in

BOB = "bob@example.com"


@pytest.fixture
def owner(acme: Org) -> Visitor:
    return signed_in(acme.space, person(acme.space, "ann", role=Role.OWNER))


def test_a_mailed_invitation_lets_its_own_address_in_and_proves_it(acme: Org, owner: Visitor) -> None:
    invited = invite(owner, email="Bob@Example.com", role="moderator")
    path = mailed(acme)
    bob = Visitor(acme.space.url)

    form = bob.get(path).text
    joined = bob.post(path, name="Bob", email="somebody@else.example", password=PASSWORD)

    assert (joined.status_code, joined.headers["location"]) == (302, "/")
    session = bob.session().json()
    assert (session["email"], session["email_verified"], session["role"]) == (BOB, True, "moderator")
    assert BOB in form
    assert "disabled" in form
    assert invited["email"] == BOB
    assert len(mails(acme.space, BOB)) == 1, "no second mail asks to verify"


def test_nobody_but_the_mail_is_told_the_secret_of_a_mailed_invitation(acme: Org, owner: Visitor) -> None:
    invited = invite(owner, email=BOB)
    listed = owner.call("GET", "/invitations").text

    secret = mailed(acme).split("/")[2]

    assert invited["url"] is None
    assert secret not in listed + owner.get("/members/").text
    with entered(acme.space.schema_name):
        assert secret not in str(Invitation.objects.values_list().get())
        assert secret not in str(list(AuditEntry.objects.values_list()))


def test_looking_at_a_mailed_invitation_changes_nothing(acme: Org, owner: Visitor) -> None:
    """Mail scanners follow every link."""
    invite(owner, email=BOB)
    path = mailed(acme)

    for _ in range(3):
        assert Visitor(acme.space.url).get(f"{path}?name=Bob&password={PASSWORD}").status_code == 200

    with entered(acme.space.schema_name):
        assert Invitation.objects.get().uses == 0
        assert not User.objects.filter(email=BOB).exists()
    assert accept(acme, path, "Bob") == 302


def test_an_invitation_names_the_organisation_its_inviter_and_its_own_address(acme: Org, owner: Visitor) -> None:
    invite(owner, email=BOB)

    (mail,) = mails(acme.space, BOB)

    assert mail.subject == f"Ann invites you to {acme.space.name}"
    assert [link for link in mail.links if link.startswith(f"{acme.space.url}/join/")]


def test_an_invitation_of_one_organisation_opens_no_other(acme: Org, globex: Org, owner: Visitor) -> None:
    invite(owner, email=BOB)
    path = mailed(acme)

    assert accept(globex, path, "Bob") == 404
    assert call(globex.space, "GET", "/invitations", globex.owner.token).json()["invitations"] == []
    assert accept(acme, path, "Bob") == 302


def test_invitations_are_listed_and_revoked_in_their_own_organisation_only(
    acme: Org, globex: Org, owner: Visitor
) -> None:
    made = invite(owner, email=BOB)

    elsewhere = call(globex.space, "DELETE", f"/invitations/{made['id']}", globex.owner.token)
    listed = owner.call("GET", "/invitations").json()["invitations"]
    revoked = owner.call("DELETE", f"/invitations/{made['id']}")
    again = owner.call("DELETE", f"/invitations/{made['id']}")

    assert elsewhere.status_code == 404
    assert [(each["email"], each["made_by"]) for each in listed] == [(BOB, "Ann")]
    assert (revoked.status_code, again.status_code) == (204, 404)
    assert accept(acme, mailed(acme), "Bob") == 404
    assert owner.call("GET", "/invitations").json() == {"invitations": [], "next": None}


def test_pages_of_invitations_follow_each_other(acme: Org, owner: Visitor) -> None:
    made = [invite(owner)["id"] for _ in range(3)]

    first = owner.call("GET", "/invitations?limit=2").json()
    second = owner.call("GET", f"/invitations?limit=2&before={first['next']}").json()

    assert [each["id"] for each in first["invitations"]] == made[:0:-1]
    assert ([each["id"] for each in second["invitations"]], second["next"]) == (made[:1], None)


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_nobody_is_invited_to_be_an_owner_and_admins_may_invite_admins(acme: Org, role: str) -> None:
    admin = signed_in(acme.space, person(acme.space, "eve", role=Role.ADMIN))

    answer = admin.call("POST", "/invitations", {"role": role})

    assert answer.status_code == (403 if role == "owner" else 201)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"days": 31}, "days"),
        ({"days": 0}, "days"),
        ({"email": BOB, "days": None}, "days"),
        ({"most_uses": 0}, "most_uses"),
        ({"email": "bob@"}, "email"),
        ({"rooms": [f"room-{number}" for number in range(51)]}, "rooms"),
    ],
)
def test_what_cannot_be_is_told_by_its_field(acme: Org, owner: Visitor, body: Any, field: str) -> None:
    answer = owner.call("POST", "/invitations", body)

    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]
    assert owner.call("GET", "/invitations").json()["invitations"] == []


def test_half_a_character_is_no_address(owner: Visitor) -> None:
    broken = r'{"email": "bob@exa\ud800mple.com"}'

    answer = asyncio.run(owner.http.post("/api/v1/invitations", content=broken, headers=owner._proofs()))

    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["email"])


def test_an_outdated_link_lets_nobody_in_and_one_without_an_end_does(acme: Org, owner: Visitor) -> None:
    ending, staying = path_of(invite(owner, days=1)), path_of(invite(owner, days=None))
    with entered(acme.space.schema_name):
        Invitation.objects.filter(expires_at__isnull=False).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert accept(acme, ending, "Bob") == 404
    assert accept(acme, staying, "Bob") == 302


def test_a_link_for_two_lets_two_in(acme: Org, owner: Visitor) -> None:
    path = path_of(invite(owner, most_uses=2))

    assert [accept(acme, path, name) for name in ("Bob", "Cy", "Di")] == [302, 302, 404]


def test_of_two_who_take_the_last_use_at_the_same_moment_one_joins(acme: Org, owner: Visitor) -> None:
    secret = path_of(invite(owner, most_uses=1)).split("/")[2]

    came = together(
        acme.space,
        lambda: joining.join(acme.space, secret, "Bob", "bob@example.com", PASSWORD),
        lambda: joining.join(acme.space, secret, "Cy", "cy@example.com", PASSWORD),
    )

    assert sorted(came) == ["bad_link", "done"]
    with entered(acme.space.schema_name):
        assert Invitation.objects.get().uses == 1
        assert User.objects.filter(email__in=["bob@example.com", "cy@example.com"]).count() == 1


def test_what_somebody_invited_is_void_once_they_may_invite_no_more(acme: Org, owner: Visitor) -> None:
    eve, dan = (person(acme.space, name, role=Role.ADMIN) for name in ("eve", "dan"))
    by_eve, by_dan = (path_of(invite(signed_in(acme.space, user))) for user in (eve, dan))

    owner.call("POST", f"/members/{eve.pk}/deactivate")
    owner.call("PATCH", f"/members/{dan.pk}", {"role": "member"})

    assert [accept(acme, path, "Bob") for path in (by_eve, by_dan)] == [404, 404]
    owner.call("POST", f"/members/{eve.pk}/reactivate")
    owner.call("PATCH", f"/members/{dan.pk}", {"role": "admin"})
    assert [accept(acme, path, "Bob") for path in (by_eve, by_dan)] == [404, 404], "it does not come back"


def test_whoever_is_here_is_not_invited_again(acme: Org, owner: Visitor) -> None:
    person(acme.space, "bob")
    gone = person(acme.space, "gone")
    owner.call("POST", f"/members/{gone.pk}/deactivate")

    member = owner.call("POST", "/invitations", {"email": "BOB@people.example"})
    deactivated = owner.call("POST", "/invitations", {"email": gone.email})

    assert (member.status_code, member.json()["code"]) == (409, "already_member")
    assert (deactivated.status_code, deactivated.json()["code"]) == (409, "deactivated")
    assert mails(acme.space, "bob@people.example") == []


def test_who_is_in_another_organisation_is_invited_like_anybody(acme: Org, globex: Org, owner: Visitor) -> None:
    mallory = person(globex.space, "mallory")

    assert owner.call("POST", "/invitations", {"email": mallory.email}).status_code == 201


def test_a_newer_mail_to_the_same_address_replaces_the_older(acme: Org, owner: Visitor) -> None:
    invite(owner, email=BOB, role="admin")
    invite(owner, email=BOB, role="guest")

    older, newer = (path_in(mail) for mail in mails(acme.space, BOB))

    assert accept(acme, older, "Bob") == 404
    assert accept(acme, newer, "Bob") == 302
    with entered(acme.space.schema_name):
        assert User.objects.get(email=BOB).role == Role.GUEST


def test_an_address_is_written_to_three_times_a_day(acme: Org, owner: Visitor) -> None:
    for _ in range(3):
        invite(owner, email=BOB)

    refused = owner.call("POST", "/invitations", {"email": BOB})

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert "Retry-After" in refused.headers
    assert len(mails(acme.space, BOB)) == 3
    with entered(acme.space.schema_name):
        Invitation.objects.update(made_at=timezone.now() - timedelta(days=1, seconds=1))
    invite(owner, email=BOB)


def test_an_organisation_mails_so_many_a_day_and_another_is_not_held_up_by_it(
    acme: Org, globex: Org, owner: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MAILS_A_DAY", 2)
    for number in range(2):
        invite(owner, email=f"{number}@example.com")

    refused = owner.call("POST", "/invitations", {"email": BOB})
    elsewhere = call(globex.space, "POST", "/invitations", globex.owner.token, {"email": BOB})

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert owner.call("POST", "/invitations", {}).status_code == 201, "links are no mail"
    assert elsewhere.status_code == 201


def test_only_addresses_of_the_organisations_domains_are_let_in(acme: Org, owner: Visitor) -> None:
    with entered(acme.space.schema_name):
        Settings.objects.update_or_create(pk=1, defaults={"email_domains": ["acme.example"]})
    path = path_of(invite(owner))

    mailed_out = owner.call("POST", "/invitations", {"email": BOB})
    by_link = Visitor(acme.space.url).post(path, name="Bob", email="bob@notacme.example", password=PASSWORD)

    assert (mailed_out.status_code, list(mailed_out.json()["fields"])) == (422, ["email"])
    assert by_link.status_code == 422
    assert "acme.example" in by_link.text
    assert accept(acme, path, "Bob", email="bob@ACME.example") == 302


def test_an_invitation_is_into_rooms_that_the_inviter_may_see(acme: Org, owner: Visitor) -> None:
    with entered(acme.space.schema_name):
        ann = User.objects.get(name="Ann")
        Room.objects.create(address="plans", title="Plans")
        Membership.objects.create(room=Room.objects.create(address="x7", title="Own", kind="private"), user=ann)
        Room.objects.create(address="y8", title="Hidden", kind="private")
        Room.objects.create(address="old", title="Old", archived_at=timezone.now())

    refused = [owner.call("POST", "/invitations", {"rooms": [room]}) for room in ("y8", "old", "no-such-room")]
    path = path_of(invite(owner, rooms=["plans", "x7"]))
    page = owner.get("/members/").text
    accept(acme, path, "Bob")

    assert [each.status_code for each in refused] == [404, 404, 404]
    assert len({each.text for each in refused}) == 1, "a hidden room is one that does not exist"
    assert "Own" in page
    assert "Hidden" not in page
    with entered(acme.space.schema_name):
        assert {"plans", "x7"} <= set(
            Membership.objects.filter(user__name="Bob").values_list("room__address", flat=True)
        )


def test_a_private_room_of_an_invitation_is_unknown_to_other_admins(acme: Org, owner: Visitor) -> None:
    with entered(acme.space.schema_name):
        hidden = Room.objects.create(address="x7random", title="Hidden", kind="private")
        Membership.objects.create(room=hidden, user=User.objects.get(name="Ann"))
    eve = signed_in(acme.space, person(acme.space, "eve", role=Role.ADMIN))
    invite(owner, rooms=["general", "x7random"])

    assert "x7random" in owner.call("GET", "/invitations").text
    assert "x7random" not in eve.call("GET", "/invitations").text
    assert "general" in eve.call("GET", "/invitations").text
    with entered(acme.space.schema_name):
        assert "x7random" not in str(list(AuditEntry.objects.values_list()))


def test_the_audit_log_says_who_invited_whom_and_who_took_it_back(acme: Org, owner: Visitor) -> None:
    made = invite(owner, email=BOB)
    owner.call("DELETE", f"/invitations/{made['id']}")

    with entered(acme.space.schema_name):
        lines = AuditEntry.objects.order_by("pk").values_list("name", "what", "whom")
        assert list(lines) == [("Ann", "invitations.make", BOB), ("Ann", "invitations.revoke", BOB)]


def test_the_page_invites_by_mail_and_says_what_is_wrong(acme: Org, owner: Visitor) -> None:
    sent = owner.post("/members/invite/", by="mail", email=BOB, role="member", days="7")
    listed = owner.get("/members/").text
    wrong = owner.post("/members/invite/", by="mail", email="bob@people", role="member", days="7")
    person(acme.space, "carol")
    known = owner.post("/members/invite/", by="mail", email="carol@people.example", role="member", days="7")

    assert (sent.status_code, sent.headers["location"]) == (302, "/members/")
    assert f"on its way to {BOB}" in listed
    assert "until" in listed
    assert wrong.status_code == known.status_code == 422
    assert "is a member already" in known.text


def test_whoever_changes_an_address_here_invites_nobody_to_it(acme: Org, owner: Visitor) -> None:
    """Also a second, verified address is somebody's."""
    with entered(acme.space.schema_name):
        ann = User.objects.get(name="Ann")
        EmailAddress.objects.create(user=ann, email="ann@second.example", verified=True)

    assert owner.call("POST", "/invitations", {"email": "ann@second.example"}).json()["code"] == "already_member"


def test_an_inviter_who_is_deactivated_meanwhile_lets_nobody_in(acme: Org, owner: Visitor) -> None:
    eve = person(acme.space, "eve", role=Role.ADMIN)
    secret = path_of(invite(signed_in(acme.space, eve))).split("/")[2]

    came = together(
        acme.space,
        lambda: joining.join(acme.space, secret, "Bob", BOB, PASSWORD),
        lambda: members.deactivate(acme.owner.actor, eve.pk),
    )

    assert came[1] == "done"
    with entered(acme.space.schema_name):
        assert User.objects.filter(email=BOB).exists() == (came[0] == "done")
    assert accept(acme, f"/join/{secret}/", "Cy", email="cy@example.com") == 404


def invite(browser: Visitor, **body: Any) -> dict[str, Any]:
    answer = browser.call("POST", "/invitations", body)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def path_of(made: dict[str, Any]) -> str:
    return "/join/" + made["url"].partition("/join/")[2]


def path_in(mail: Any) -> str:
    (link,) = (link for link in mail.links if "/join/" in link)
    return "/join/" + link.partition("/join/")[2]


def mailed(org: Org) -> str:
    return path_in(mails(org.space, BOB)[-1])


def accept(org: Org, path: str, name: str, email: str = "") -> int:
    fields = {"name": name, "email": email or f"{name.lower()}@example.com", "password": PASSWORD}
    return Visitor(org.space.url).post(path, **fields).status_code
