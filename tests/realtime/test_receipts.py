"""Receipts: what people's pages tell, exact and once, and who learns of it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from realtime.notices import publishing, receipts
from realtime.notices.models import Receipt
from realtime.notices.receipts import Mark
from realtime.protocol import Receipts
from tenants.people.models import Role
from tenants.schema import entered
from tests.cast import Member, Org
from tests.clients import Client, nothing_for, opened
from tests.realtime.test_notices import crowd, publish
from tests.realtime.test_rest import as_, code
from tests.running import Running


def figures(server: Running, org: Org, notice_id: int, *names: str) -> tuple[Any, ...]:
    with as_(server, org, org.owner) as http:
        told = http.get(f"/api/v1/notices/{notice_id}").json()["notice"]
    return tuple(told[name] for name in names or ("targeted", "delivered", "late", "seen", "acknowledged"))


async def ready(client: Client) -> Client:
    await client.hears(on="receipts")
    return client


async def test_the_figures_are_exact_and_nothing_counts_twice(server: Running, acme: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(6)]
    async with AsyncExitStack() as stack:
        here = [await ready(await stack.enter_async_context(opened(server, acme, by=each))) for each in people[:4]]
        row = publish(acme, "drill", needs_ack=True)
        for client in here:
            await client.hears(on="notice")
        for _again in range(2):
            await asyncio.gather(*(client.asks("receipts", delivered=[row.seq]) for client in here))
            await asyncio.gather(*(client.asks("receipts", seen=[row.seq, row.seq]) for client in here[:3]))
            await asyncio.gather(*(client.asks("receipts", acknowledged=[row.seq]) for client in here[:2]))
        assert figures(server, acme, row.pk) == (7, 4, 0, 3, 2)
        back = await ready(await stack.enter_async_context(opened(server, acme, by=people[4])))
        await back.hears(on="notice", message="drill")
        await back.asks("receipts", delivered=[row.seq], seen=[row.seq])
        new = acme.add("newcomer")
        newcomer = await ready(await stack.enter_async_context(opened(server, acme, by=new)))
        await newcomer.hears(on="notice", message="drill")
        await newcomer.asks("receipts", acknowledged=[row.seq])
    assert figures(server, acme, row.pk) == (7, 5, 1, 4, 2)
    assert figures(server, acme, row.pk, "joined_later") == (1,)
    with as_(server, acme, acme.owner) as http:
        told = http.get(f"/api/v1/notices/{row.pk}").json()
        assert told["missing"] == 5
        assert 0 <= told["delivered_after"]["median"] <= told["delivered_after"]["p99"] < 60
        assert told["course"]["delivered"][-1] == 5
        missing = http.get(f"/api/v1/notices/{row.pk}/missing").json()["people"]
        assert {each["user"] for each in missing} == {"alice", *(each.name for each in people[2:])}
        (listed,) = http.get("/api/v1/notices").json()["notices"]
        assert [listed[name] for name in ("targeted", "delivered", "seen", "acknowledged")] == [7, 5, 4, 2]


async def test_receipts_are_told_to_admins_and_to_one_s_own_pages(server: Running, acme: Org, globex: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    row = publish(acme, "drill", needs_ack=True)
    foreign = publish(globex, "drill at globex", needs_ack=True)
    async with (
        opened(server, acme, by=bob) as phone,
        opened(server, acme, by=bob) as laptop,
        opened(server, acme, by=carol) as hers,
        opened(server, globex, by=globex.owner) as mallory,
    ):
        for client in (phone, laptop, hers, mallory):
            assert (await client.hears(on="receipts"))["unread"] == 1
        assert (await mallory.asks("receipts", acknowledged=[foreign.seq]))["on"] == "ack"
        await phone.asks("receipts", acknowledged=[row.seq])
        await laptop.hears(on="receipts", acknowledged=[row.seq])
        await phone.asks("receipts", unacknowledged=[row.seq])
        await laptop.hears(on="receipts", unacknowledged=[row.seq])
        publish(acme, "what comes after")
        publish(globex, "after")
        await hers.hears(on="notice", message="what comes after")
        await mallory.hears(on="notice", message="after")
        nothing_for(hers, f'acknowledged": [{row.seq}')
        assert [frame["acknowledged"] for frame in mallory.heard if frame.get("acknowledged")] == [[foreign.seq]]
    assert figures(server, acme, row.pk) == (3, 1, 1, 1, 0)
    with as_(server, acme, bob) as http:
        told = http.get("/api/v1/notices").json()
        assert not {"targeted", "delivered", "acknowledged"} & set(told["notices"][0])
        for path in (f"/{row.pk}", f"/{row.pk}/missing", f"/{row.pk}/receipts", "/managed"):
            assert code(http.get(f"/api/v1/notices{path}")) == (403, "forbidden")
    with as_(server, globex, globex.owner) as http:
        assert "acme" not in http.get(f"/api/v1/notices/{row.pk}").text


async def test_what_is_not_for_somebody_takes_no_receipt_of_theirs(server: Running, acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    row = publish(acme, "for bob", needs_ack=True, audience="people", of=(bob.actor.user_id,))
    async with opened(server, acme, by=carol) as hers:
        assert (await hers.asks("receipts", acknowledged=[row.seq, 999]))["on"] == "ack"
        for wrong in ({"seen": [-1]}, {"seen": "1"}, {"seen": [True]}, {"seen": [1.5]}, {"seen": list(range(300))}):
            assert (await hers.asks("receipts", **wrong))["code"] == "bad_command"
    assert figures(server, acme, row.pk) == (1, 0, 0, 0, 0)


def test_an_acknowledgement_is_taken_back_within_five_minutes(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    row = publish(acme, "drill", needs_ack=True)
    with as_(server, acme, bob) as http:

        def tells(**what: list[int | None]) -> int:
            return http.post("/api/v1/notices/receipts", json=what).status_code

        assert tells(acknowledged=[row.seq]) == 204
        assert tells(unacknowledged=[row.seq]) == 204
        assert figures(server, acme, row.pk, "seen", "acknowledged") == (1, 0)
        assert tells(unacknowledged=[row.seq]) == 404
        assert tells(acknowledged=[row.seq]) == 204
        acme.inside(later_by_six_minutes)
        assert tells(unacknowledged=[row.seq]) == 404
        assert figures(server, acme, row.pk, "acknowledged") == (1,)


def later_by_six_minutes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notices_receipt SET acknowledged_at = acknowledged_at - interval '6 minutes'")


@pytest.mark.parametrize("count", [1, 10, 300])
def test_a_batch_of_receipts_is_one_statement_however_large(acme: Org, count: int) -> None:
    people = crowd(acme, count)
    seqs = [publish(acme, f"n{number}").seq or 0 for number in range(3)]
    marks = [Mark(user_id, Receipts(delivered=seqs, seen=seqs[:2])) for user_id in people]

    def write() -> int:
        with CaptureQueriesContext(connection) as captured:
            receipts.write(acme.space, marks)
        return len(captured)

    assert [acme.inside(write), acme.inside(write)] == [1, 1]
    assert acme.inside(Receipt.objects.filter(seen_at__isnull=False).count) == 2 * count
    assert acme.inside(Receipt.objects.filter(delivered_at__isnull=False).count) == 3 * count


def test_batches_that_come_at_once_write_each_receipt_once(acme: Org) -> None:
    people = crowd(acme, 100)
    row = publish(acme, "drill")
    marks = [Mark(user_id, Receipts(seen=[row.seq or 0])) for user_id in people]

    def write(backwards: bool) -> None:
        try:
            with entered(acme.space.schema_name):
                for _again in range(5):
                    receipts.write(acme.space, marks[::-1] if backwards else marks)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, [True, False, True, False]))
    assert acme.inside(Receipt.objects.filter(notice=row, seen_at__isnull=False).count) == 100


async def test_a_reminder_goes_to_those_who_are_missing_only(server: Running, acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    row = publish(acme, "sign here", needs_ack=True)
    async with opened(server, acme, by=bob) as his, opened(server, acme, by=carol) as hers:
        for client in (his, hers):
            await client.hears(on="notice", reminder=0)
        await his.asks("receipts", acknowledged=[row.seq])
        assert acme.inside(lambda: publishing.resend(acme.owner.actor, row.pk)) == 2
        await hers.hears(on="notice", reminder=1)
        publish(acme, "what comes after")
        await his.hears(on="notice", message="what comes after")
        nothing_for(his, '"reminder": 1')
    async with opened(server, acme, f"/ws/notification/?since={row.seq}", by=bob) as script:
        await script.hears(on="notice", message="what comes after")
        nothing_for(script, "sign here")


async def test_nobody_but_admins_publishes_withdraws_or_reminds(server: Running, acme: Org, globex: Org) -> None:
    row = publish(acme, "drill")
    tried: list[tuple[Member, tuple[int, str]]] = [
        (acme.add("bob"), (403, "forbidden")),
        (acme.add("mo", Role.MODERATOR), (403, "forbidden")),
        (acme.add("gus", Role.GUEST), (403, "forbidden")),
        (globex.owner, (401, "unauthorized")),
    ]
    for who, expected in tried:
        with as_(server, acme, who) as http:
            for path in ("", "/preview", f"/{row.pk}/withdraw", f"/{row.pk}/resend", f"/{row.pk}/duplicate"):
                assert code(http.post(f"/api/v1/notices{path}", json={"message": "me too"})) == expected, path
    with as_(server, acme, acme.owner) as http:
        assert [each["message"] for each in http.get("/api/v1/notices").json()["notices"]] == ["drill"]
        assert json.dumps(http.get("/api/v1/notices/managed").json()).count("me too") == 0
