"""Proofs of who one is that are old, or of elsewhere."""

from allauth.account.models import EmailAddress, EmailConfirmationHMAC, get_emailconfirmation_model
from django.contrib.auth.tokens import default_token_generator

from tenants import tickets
from tenants.people import credentials
from tenants.people.models import User
from tenants.people.resets import ResetTokens
from tenants.schema import in_public, in_tenant
from tests.cast import founds
from tests.clients import refused, signed_in
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_session_from_before_the_password_changed(ring: Ring) -> None:
    org = founds("changed", owner="carol")

    def change() -> None:
        user = User.objects.get()
        user.set_password("another horse battery")
        user.save()

    with signed_in(ring.site, org, org.owner) as session:
        key = session.http.cookies["session"]
        assert await in_tenant(org.space, credentials.by_session, org.space, key)
        await in_tenant(org.space, change)
        assert await in_tenant(org.space, credentials.by_session, org.space, key) is None


@attempt
async def a_token_of_somebody_deactivated(ring: Ring) -> None:
    org = founds("left", owner="carol")
    bob = org.add("bob")
    assert await refused(ring.site, org, by=bob) == 101
    _, another = org.inside(lambda: credentials.issue(User.objects.get(pk=bob.actor.user_id), "not known here yet"))
    await in_tenant(org.space, lambda: User.objects.filter(pk=bob.actor.user_id).update(is_active=False))
    assert await refused(ring.site, org, by=another) == 401


@attempt
async def a_notice_by_a_token_that_only_reads(ring: Ring) -> None:
    """The owner's, whose other token may."""
    org = founds("readers", owner="carol")
    _, reading = org.inside(
        lambda: credentials.issue(User.objects.get(pk=org.owner.actor.user_id), "reads", reads_only=True)
    )
    assert org.owner.token
    for token, status in ((org.owner.token, 201), (reading, 403)):
        with ring.site.client(org.space.slug, token=token) as http:
            assert http.get("/api/v1/rooms").status_code == 200
            assert http.post("/api/v1/notices", json={"message": "lunch"}).status_code == status


@attempt
async def a_ticket_at_the_other_organisation(ring: Ring) -> None:
    def try_both() -> tuple[int | None, int | None]:
        cookie = tickets.leave(ring.ours.org.space, ring.alice.actor.user_id)
        handover = tickets.fetch(cookie)
        assert handover is not None
        return tickets.redeem(ring.theirs.org.space, handover.ticket), tickets.redeem(
            ring.ours.org.space, handover.ticket
        )

    there, here = await in_public(try_both)
    assert (there, here) == (None, ring.alice.actor.user_id)


@attempt
async def a_ticket_from_a_foreign_page(ring: Ring) -> None:
    def ticket() -> str:
        handover = tickets.fetch(tickets.leave(ring.ours.org.space, ring.alice.actor.user_id))
        assert handover is not None
        return handover.ticket

    with ring.site.client(ring.ours.slug) as http:
        for origin in (f"http://{ring.site.host(ring.theirs.slug)}", "null"):
            answer = http.post("/arrive/", data={"ticket": await in_public(ticket)}, headers={"Origin": origin})
            assert answer.status_code == 403
            assert "session" not in answer.cookies


@attempt
async def a_confirmation_link_of_the_same_row_elsewhere(ring: Ring) -> None:
    """Both owners' addresses are row 1 of their schema."""

    def key() -> str:
        row = EmailAddress.objects.get(pk=1)
        made = get_emailconfirmation_model().create(row)
        if not isinstance(made, EmailConfirmationHMAC):
            made.sent = made.created
            made.save()
        return str(made.key)

    def unverify() -> None:
        EmailAddress.objects.filter(pk=1).update(verified=False)

    await in_tenant(ring.ours.org.space, unverify)
    try:
        foreign = await in_tenant(ring.theirs.org.space, key)
        with ring.site.client(ring.ours.slug) as http:
            http.get("/accounts/login/")
            http.post(f"/accounts/confirm-email/{foreign}/", data={"csrfmiddlewaretoken": http.cookies["csrftoken"]})
        assert not await in_tenant(ring.ours.org.space, lambda: EmailAddress.objects.get(pk=1).verified)
    finally:
        await in_tenant(ring.ours.org.space, lambda: EmailAddress.objects.filter(pk=1).update(verified=True))


@attempt
async def a_reset_link_for_an_identical_account(ring: Ring) -> None:
    tokens = ResetTokens()

    def twin() -> User:
        return User(pk=1, email="twin@example.org", password="same", last_login=None)

    made = await in_tenant(ring.theirs.org.space, lambda: tokens.make_token(twin()))
    assert await in_tenant(ring.theirs.org.space, lambda: tokens.check_token(twin(), made))
    assert not await in_tenant(ring.ours.org.space, lambda: tokens.check_token(twin(), made))
    assert default_token_generator is not tokens
