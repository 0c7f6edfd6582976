"""Becoming more than one is, or staying longer."""

import asyncio

import pytest

from tenants.people import credentials, invitations, joining, members
from tenants.people.models import Role, Settings, User
from tenants.problems import Problem
from tenants.schema import in_tenant
from tests.cast import founds
from tests.clients import opened
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def an_admin_who_gets_rid_of_an_owner(ring: Ring) -> None:
    org = founds("coup", owner="carol")
    admin, bob = org.add("ada", Role.ADMIN), org.add("bob")
    second = org.add("olga", Role.OWNER)
    assert not (await in_tenant(org.space, members.deactivate, admin.actor, bob.actor.user_id)).is_active
    for verb in (
        lambda: members.deactivate(admin.actor, second.actor.user_id),
        lambda: members.change_role(admin.actor, second.actor.user_id, Role.GUEST),
    ):
        with pytest.raises(Problem, match="Only owners"):
            await in_tenant(org.space, verb)


@attempt
async def the_last_owner_who_leaves(ring: Ring) -> None:
    org = founds("headless", owner="carol")
    second = org.add("olga", Role.OWNER)
    await in_tenant(org.space, members.leave, second.actor)
    with pytest.raises(Problem) as no:
        await in_tenant(org.space, members.leave, org.owner.actor)
    assert no.value.code == "last_owner"


@attempt
async def an_invitation_to_be_more_than_the_one_who_made_it(ring: Ring) -> None:
    org = founds("inviting", owner="carol")
    assert (await in_tenant(org.space, lambda: invitations.make(org.owner.actor, role=Role.ADMIN))).url
    with pytest.raises(Problem) as no:
        await in_tenant(org.space, lambda: invitations.make(org.owner.actor, role=Role.OWNER))
    assert no.value.code == "forbidden"


@attempt
async def an_invitation_of_somebody_who_is_out(ring: Ring) -> None:
    """Whether it was voided or not: who made it has no right any more."""
    org = founds("void", owner="carol")
    made = await in_tenant(org.space, lambda: invitations.make(org.owner.actor))
    assert made.url
    secret = made.url.rstrip("/").rpartition("/")[2]
    assert await in_tenant(org.space, joining.find, secret)

    def goes() -> None:
        maker = made.invitation.made_by
        maker.role = Role.MEMBER
        maker.save()

    await in_tenant(org.space, goes)
    with pytest.raises(Problem) as no:
        await in_tenant(org.space, joining.find, secret)
    assert no.value.code == "bad_link"


@attempt
async def the_api_without_the_second_factor_that_is_required(ring: Ring) -> None:
    org = founds("factors", owner="carol")
    bob = org.add("bob")
    with ring.site.client(org.space.slug, token=bob.token) as http:
        assert http.get("/api/v1/rooms").status_code == 200
        await in_tenant(org.space, _require_second_factor)
        answer = http.get("/api/v1/rooms")
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")


@attempt
async def a_socket_without_the_second_factor_that_is_required(ring: Ring) -> None:
    org = founds("sockets", owner="carol")
    bob = org.add("bob")
    async with opened(ring.site, org, by=bob) as socket:
        await socket.hears(on="welcome")
    await in_tenant(org.space, _require_second_factor)
    _, another = org.inside(lambda: credentials.issue(User.objects.get(pk=bob.actor.user_id), "not known here yet"))
    async with opened(ring.site, org, by=another) as late:
        assert await asyncio.wait_for(late.is_closed(), 6) == 4401


def _require_second_factor() -> None:
    Settings.objects.update_or_create(pk=1, defaults={"requires_second_factor": True})


@attempt
async def an_answer_that_was_kept_for_somebody_else(ring: Ring) -> None:
    """With the same key, body and address."""
    org = founds("keys", owner="carol")
    bob = org.add("bob")
    asked = {"url": "/api/v1/notices", "json": {"message": "for admins to make"}, "headers": {"Idempotency-Key": "k"}}
    with ring.site.client(org.space.slug, token=org.owner.token) as http:
        assert http.post(**asked).status_code == 201  # type: ignore[arg-type]
        assert http.post(**asked).headers["idempotent-replayed"] == "true"  # type: ignore[arg-type]
    with ring.site.client(org.space.slug, token=bob.token) as http:
        answer = http.post(**asked)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
