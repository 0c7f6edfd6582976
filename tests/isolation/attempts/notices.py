"""Hearing a notice that is for others, in one's own organisation or in another."""

import json

from realtime.notices import publishing
from realtime.notices.drafts import Draft
from tenants.schema import in_tenant
from tests.cast import founds
from tests.clients import opened
from tests.isolation.attempts.registry import attempt
from tests.isolation.site import Ring


@attempt
async def a_notice_for_somebody_else(ring: Ring) -> None:
    """Heard live, or read later: by socket, or by the API."""
    org = founds("hosts", owner="carol")
    dave, erin = org.add("dave"), org.add("erin")

    async def tell(text: str, **more: object) -> None:
        await in_tenant(org.space, publishing.publish, org.owner.actor, Draft(message=text, **more))  # type: ignore[arg-type]

    async with opened(ring.site, org, by=dave) as his, opened(ring.site, org, by=erin) as hers:
        for client in (his, hers):
            await client.hears(on="receipts")
        await tell("for dave alone", audience="people", of=(dave.actor.user_id,))
        await his.hears(message="for dave alone")
        await tell("for all")
        await hers.hears(message="for all")
        assert "for dave alone" not in json.dumps(hers.heard)
    async with opened(ring.site, org, "/ws/notification/?since=0", by=erin) as script:
        await script.hears(message="for all")
        assert "for dave alone" not in json.dumps(script.heard)
    with ring.site.client(org.space.slug, token=erin.token) as http:
        assert "for dave alone" not in http.get("/api/v1/notices").text


@attempt
async def who_has_heard_a_notice(ring: Ring) -> None:
    """Told to admins; not to those who have heard it, and not to the admins of others."""
    with ring.site.client(ring.ours.slug, token=ring.alice.token) as http:
        (row, *_) = http.get("/api/v1/notices").json()["notices"]
        told = http.get(f"/api/v1/notices/{row['id']}/receipts").text
        assert ring.ours.canary in told
    with (
        ring.site.client(ring.ours.slug, token=ring.ours.member.token) as bob,
        ring.site.client(ring.theirs.slug, token=ring.mallory.token) as mallory,
    ):
        for path in ("", "/receipts", "/missing"):
            assert bob.get(f"/api/v1/notices/{row['id']}{path}").status_code == 403
            assert ring.ours.canary not in mallory.get(f"/api/v1/notices/{row['id']}{path}").text
