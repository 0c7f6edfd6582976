"""Members: who sees whom, who may change whom, and that an organisation always keeps an owner."""

from itertools import pairwise

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session

from tenants import control
from tenants.people import credentials, members
from tenants.people.models import AuditEntry, Role, Token, User
from tenants.schema import entered
from tests.cast import Member, Org
from tests.tenants.together import together
from tests.tenants.visitors import Visitor, call, ended, person, signed_in


@pytest.fixture
def owner(acme: Org) -> Visitor:
    """Ann, the only owner who counts: Alice, who founded acme, has become an admin."""
    ann = signed_in(acme.space, person(acme.space, "ann", role=Role.OWNER))
    ann.call("PATCH", f"/members/{acme.owner.actor.user_id}", {"role": "admin"})
    return ann


def test_a_role_is_changed_told_to_control_and_written_down(acme: Org, owner: Visitor) -> None:
    bob = person(acme.space, "bob")

    changed = owner.call("PATCH", f"/members/{bob.pk}", {"role": "moderator"})

    assert (changed.status_code, changed.json()["role"]) == (200, "moderator")
    assert signed_in(acme.space, bob).session().json()["role"] == "moderator"
    assert (control.PERSON, str(bob.pk)) in ended(acme.space)
    with entered(acme.space.schema_name):
        line = AuditEntry.objects.latest("pk")
        assert (line.name, line.what, line.whom) == ("Ann", "members.change_role", "Bob")
        assert line.detail == {"before": "member", "after": "moderator"}


@pytest.mark.parametrize("does", ["role", "deactivate"])
def test_an_admin_touches_no_owner_and_makes_none(acme: Org, owner: Visitor, does: str) -> None:
    admin = signed_in(acme.space, person(acme.space, "eve", role=Role.ADMIN))
    bob = person(acme.space, "bob")
    ann = owner.session().json()["user_id"]

    if does == "role":
        refused = admin.call("PATCH", f"/members/{ann}", {"role": "member"})
        raised = admin.call("PATCH", f"/members/{bob.pk}", {"role": "owner"})
        allowed = admin.call("PATCH", f"/members/{bob.pk}", {"role": "admin"})
        assert (raised.status_code, raised.json()["code"]) == (403, "forbidden")
    else:
        refused = admin.call("POST", f"/members/{ann}/deactivate")
        allowed = admin.call("POST", f"/members/{bob.pk}/deactivate")

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert allowed.status_code == 200
    assert owner.session().json()["role"] == "owner"


def test_members_change_nobody(acme: Org, owner: Visitor) -> None:
    bob, carol = person(acme.space, "bob", role=Role.MODERATOR), person(acme.space, "carol")
    browser = signed_in(acme.space, bob)

    tried = [
        browser.call("PATCH", f"/members/{carol.pk}", {"role": "guest"}),
        browser.call("PATCH", f"/members/{bob.pk}", {"role": "admin"}),
        browser.call("POST", f"/members/{carol.pk}/deactivate"),
        browser.call("POST", f"/members/{carol.pk}/hand-over"),
        browser.call("GET", "/members?deactivated=true"),
        browser.post(f"/members/{carol.pk}/role/", role="guest"),
        browser.post(f"/members/{carol.pk}/deactivate/"),
        browser.get("/members/hand-over/"),
    ]

    assert [each.status_code for each in tried] == [403] * len(tried)
    assert _role(acme, "carol") == "member"


def test_who_is_deactivated_is_out_for_good_and_comes_back_as_the_same_person(acme: Org, owner: Visitor) -> None:
    bob = person(acme.space, "bob")
    browser = signed_in(acme.space, bob)
    with entered(acme.space.schema_name):
        token = credentials.issue(bob, "laptop")[1]
    assert call(acme.space, "GET", "/session", token).status_code == 200, "or there was nothing to end"

    out = owner.call("POST", f"/members/{bob.pk}/deactivate")

    assert (out.status_code, out.json()["active"]) == (200, False)
    assert browser.session().status_code == 401
    assert call(acme.space, "GET", "/session", token).status_code == 401
    assert (control.PERSON, str(bob.pk)) in ended(acme.space)
    assert browser.sign_in(bob.email).headers.get("location") != "/"
    with entered(acme.space.schema_name):
        assert not Token.objects.filter(user_id=bob.pk).exists()
    assert "Bob" not in {each["user"] for each in owner.call("GET", "/members").json()["members"]}
    gone = owner.call("GET", "/members?deactivated=true").json()["members"]
    assert [(each["user"], each["active"]) for each in gone] == [("Bob", False)]

    owner.call("POST", f"/members/{bob.pk}/reactivate")

    assert browser.session().status_code == 401, "the old session stays ended"
    assert call(acme.space, "GET", "/session", token).status_code == 401, "and the old token"
    assert signed_in(acme.space, bob).session().json()["user_id"] == bob.pk
    with entered(acme.space.schema_name):
        told = AuditEntry.objects.filter(whom="Bob").order_by("pk").values_list("what", flat=True)
        assert list(told) == ["members.deactivate", "members.reactivate"]


def test_nobody_deactivates_themselves(owner: Visitor) -> None:
    ann = owner.session().json()["user_id"]

    refused = owner.call("POST", f"/members/{ann}/deactivate")

    assert (refused.status_code, refused.json()["code"]) == (409, "yourself")
    assert owner.session().status_code == 200


def test_the_last_owner_neither_leaves_nor_is_demoted(acme: Org, owner: Visitor) -> None:
    ann = owner.session().json()["user_id"]

    left = owner.call("POST", "/members/me/leave")
    demoted = owner.call("PATCH", f"/members/{ann}", {"role": "admin"})
    page = owner.post("/members/leave/")

    for refused in (left, demoted):
        assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
    assert page.status_code == 409
    assert "needs an owner" in page.text
    assert owner.session().json()["role"] == "owner"


def test_a_deactivated_owner_is_none_to_count_on(acme: Org, owner: Visitor) -> None:
    other = person(acme.space, "olga", role=Role.OWNER)
    owner.call("POST", f"/members/{other.pk}/deactivate")

    assert owner.call("POST", "/members/me/leave").json()["code"] == "last_owner"


def test_whoever_leaves_is_out(acme: Org, owner: Visitor) -> None:
    bob = signed_in(acme.space, person(acme.space, "bob"))

    left = bob.call("POST", "/members/me/leave")

    assert left.status_code == 204
    assert bob.session().status_code == 401
    with entered(acme.space.schema_name):
        assert User.objects.get(name="Bob").is_active is False
        assert AuditEntry.objects.latest("pk").what == "members.leave"
        assert not [each for each in Session.objects.all() if each.get_decoded().get("_auth_user_id") == "bob"]


def test_ownership_is_handed_over_to_somebody_with_a_proved_address(acme: Org, owner: Visitor) -> None:
    bob, unproved = person(acme.space, "bob"), person(acme.space, "cy", verified=False)

    refused = owner.call("POST", f"/members/{unproved.pk}/hand-over")
    handed = owner.call("POST", f"/members/{bob.pk}/hand-over")

    assert (refused.status_code, refused.json()["code"]) == (409, "unverified")
    assert (handed.status_code, handed.json()["role"]) == (200, "owner")
    assert owner.session().json()["role"] == "admin"
    assert owner.call("POST", f"/members/{bob.pk}/hand-over").status_code == 403
    assert owner.call("POST", "/members/me/leave").status_code == 204


@pytest.mark.parametrize("way", ["leave", "demote", "deactivate", "hand over"])
def test_two_owners_who_go_at_the_same_moment_leave_one_behind(acme: Org, way: str) -> None:
    first, second = acme.owner, acme.add("olga", Role.OWNER)
    spare = acme.add("spare")
    acme.inside(lambda: _prove(second, spare))
    verbs = {
        "leave": lambda own, other: members.leave(own.actor),
        "demote": lambda own, other: members.change_role(own.actor, other.actor.user_id, "member"),
        "deactivate": lambda own, other: members.deactivate(own.actor, other.actor.user_id),
        "hand over": lambda own, other: members.hand_over(own.actor, spare.actor.user_id),
    }

    came = together(acme.space, lambda: verbs[way](first, second), lambda: verbs[way](second, first))

    assert "done" in came
    with entered(acme.space.schema_name):
        assert User.objects.filter(role=Role.OWNER, is_active=True).exists()
    if way != "hand over":
        assert sorted(came) in (["done", "forbidden"], ["done", "last_owner"])


def test_whose_role_has_just_changed_does_nothing_with_the_old_one(acme: Org, owner: Visitor) -> None:
    eve, bob = acme.add("eve", Role.ADMIN), acme.add("bob")
    owner.call("PATCH", f"/members/{eve.actor.user_id}", {"role": "member"})

    came = together(acme.space, lambda: members.deactivate(eve.actor, bob.actor.user_id))

    assert came == ["forbidden"]
    assert call(acme.space, "GET", "/session", bob.token).status_code == 200


def test_people_of_another_organisation_do_not_exist(acme: Org, globex: Org, owner: Visitor) -> None:
    mallory = person(globex.space, "mallory")
    with entered(acme.space.schema_name):
        highest = User.objects.latest("pk").pk
    far = max(mallory.pk, highest) + 1000

    for user_id in (far, 2**62, 2**70):
        for method, path in (("PATCH", ""), ("POST", "/deactivate"), ("POST", "/reactivate"), ("POST", "/hand-over")):
            answer = owner.call(method, f"/members/{user_id}{path}", {"role": "guest"})
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    listed = owner.call("GET", "/members?text=mallory").json()["members"]
    assert listed == []
    assert "Mallory" in call(globex.space, "GET", "/members?text=mallory", globex.owner.token).text


def test_pages_of_members_follow_each_other_without_gap_or_repetition(acme: Org, owner: Visitor) -> None:
    for number in range(7):
        person(acme.space, f"twin{number}")
    with entered(acme.space.schema_name):
        User.objects.filter(name__startswith="Twin").update(name="Twin")  # the same name must not hide anybody

    seen, after = [], ""
    while True:
        page = owner.call("GET", f"/members?limit=3{after}").json()
        seen += [(each["user"], each["user_id"]) for each in page["members"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert len(seen) == len(set(seen)) == 9
    twins = [user_id for name, user_id in seen if name == "Twin"]
    assert all(one < other for one, other in pairwise(twins))


def test_admins_search_by_address_too_and_only_they_are_told_addresses(acme: Org, owner: Visitor) -> None:
    bob = person(acme.space, "bob")
    member = signed_in(acme.space, bob)

    by_address = owner.call("GET", "/members?text=bob@people").json()["members"]
    hidden = member.call("GET", "/members?text=@people").json()["members"]
    everybody = member.call("GET", "/members").json()["members"]

    assert [each["email"] for each in by_address] == [bob.email]
    assert hidden == []
    assert {each["email"] for each in everybody} == {None}
    assert "ann@people.example" not in member.get("/members/").text
    assert owner.call("GET", "/members?text=%00bob").json()["members"] == by_address


def test_a_guest_sees_whom_they_share_a_room_with(acme: Org, owner: Visitor) -> None:
    from realtime.chat.models import Membership, Room

    guest, near, far = (person(acme.space, name, role=Role(role)) for name, role in ROLES)
    with entered(acme.space.schema_name):
        shared, other = (Room.objects.create(address=each, title=each) for each in ("shared", "other"))
        for room, user in ((shared, guest), (shared, near), (other, far), (other, near)):
            Membership.objects.create(room=room, user=user)

    listed = signed_in(acme.space, guest).call("GET", "/members").json()["members"]
    searched = signed_in(acme.space, guest).get("/members/?text=far").text

    assert [each["user"] for each in listed] == ["Guest", "Near"]
    assert "<bdi>Far</bdi>" not in searched
    assert "Far" in {each["user"] for each in signed_in(acme.space, near).call("GET", "/members").json()["members"]}


ROLES = [("guest", "guest"), ("near", "member"), ("far", "member")]


def test_one_changes_ones_own_name_and_whether_one_is_seen(acme: Org, owner: Visitor) -> None:
    bob = signed_in(acme.space, person(acme.space, "bob"))

    changed = bob.call("PATCH", "/profile", {"name": "Robert ", "shows_presence": False})
    wrong = bob.call("PATCH", "/profile", {"name": " \u200b"})

    assert changed.json() == {
        "user_id": bob.session().json()["user_id"],
        "user": "Robert",
        "shows_presence": False,
    }
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    assert bob.session().json()["user"] == "Robert"
    assert bob.post("/profile/", name="Bobby", shows_presence="on").status_code == 302
    assert 'value="Bobby"' in bob.get("/profile/").text


def test_the_page_shows_admins_what_they_may_do_and_members_a_list(acme: Org, owner: Visitor) -> None:
    bob = person(acme.space, "bob")

    managed, plain = owner.get("/members/").text, signed_in(acme.space, bob).get("/members/").text

    assert f"/members/{bob.pk}/role/" in managed
    assert 'id="invite"' in managed
    assert "Bob" in plain
    for hidden in ("/role/", "/deactivate/", 'id="invite"', "deactivated=1", "/members/hand-over/"):
        assert hidden not in plain


def test_the_page_changes_roles_and_deactivates_after_asking(acme: Org, owner: Visitor) -> None:
    bob = person(acme.space, "bob")

    owner.post(f"/members/{bob.pk}/role/", role="guest")
    asked = owner.get(f"/members/{bob.pk}/deactivate/")
    assert "Deactivate Bob?" in asked.text
    assert _role(acme, "bob") == "guest", "and asking has changed nothing"
    done = owner.post(f"/members/{bob.pk}/deactivate/")

    assert done.headers["location"] == "/members/"
    assert "The account is deactivated" in owner.get("/members/").text
    assert "Bob" in owner.get("/members/?deactivated=1").text


def test_who_is_not_signed_in_is_taken_to_the_sign_in_page(acme: Org) -> None:
    for path in ("/members/", "/members/leave/", "/members/hand-over/", "/profile/", "/members/invite/"):
        answer = Visitor(acme.space.url).get(path)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/accounts/login/")


def _role(org: Org, name: str) -> str:
    with entered(org.space.schema_name):
        return User.objects.get(name=name.title()).role


def _prove(*people: Member) -> None:
    for each in people:
        EmailAddress.objects.create(user_id=each.actor.user_id, email=each.actor.email, verified=True, primary=True)
