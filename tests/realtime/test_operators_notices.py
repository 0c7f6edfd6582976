"""Those who run the installation tell organisations something: all, or some."""

import io
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from realtime.notices.models import Notice
from realtime.notices.operating import tell
from tenants import organizations
from tenants.people.models import AuditEntry
from tests.cast import Org, founds
from tests.clients import nothing_for, opened
from tests.realtime.test_rest import as_
from tests.running import Running


def notice(org: Org, *words: str) -> str:
    told = io.StringIO()
    org.outside(lambda: call_command("notice", *words, stdout=told))
    return told.getvalue()


async def test_those_who_are_named_hear_it_and_nobody_else(server: Running, acme: Org, globex: Org) -> None:
    others = founds("initech")
    async with (
        opened(server, acme, by=acme.add("bob")) as bob,
        opened(server, globex, "/ws/notification/", by=globex.owner) as mallory,
        opened(server, others, by=others.owner) as peter,
    ):
        told = notice(
            acme, acme.space.slug, globex.space.slug, "Back at *noon*", "--level", "urgent", "--title", "Down"
        )
        assert told == "2 organisations will be told within seconds.\n"
        for client in (bob, mallory):
            heard = await client.hears(on="notice", title="Down")
            assert (heard["user"], heard["user_id"], heard["level"], heard["needs_ack"]) == (
                "Conclave",
                0,
                "urgent",
                True,
            )
            assert heard["html"] == "<p>Back at <em>noon</em></p>"
        notice(acme, others.space.slug, "only you")
        await peter.hears(on="notice", message="only you")
        nothing_for(peter, "noon")
    with as_(server, acme, acme.owner) as http:
        (row,) = http.get("/api/v1/notices").json()["notices"]
        assert (row["user"], row["targeted"]) == ("Conclave", 2)
    (line,) = acme.inside(lambda: list(AuditEntry.objects.filter(what="notices.publish")))
    assert (line.who_id, line.name) == (None, "Conclave")
    log = acme.outside(
        lambda: AuditEntry.objects.filter(what="organizations.announce", whom__contains=acme.space.slug).get()
    )
    assert log.name == "command line"


def test_the_job_tells_once_however_often_it_runs(acme: Org) -> None:
    said: dict[str, Any] = {"message": "Back at noon", "title": "", "level": "info", "needs_ack": False}

    def run() -> int:
        tell.func.__wrapped__(acme.space, "mark", said)
        return Notice.objects.count()

    assert [acme.inside(run), acme.inside(run)] == [1, 1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere-at-all", "text"], "No organisation that is served lives at: nowhere-at-all."),
        (["just text"], "Name the addresses"),
        (["--all", "acme", "text"], "Name the addresses"),
        (["SLUG", "  "], "There is nothing in the message."),
        (["SLUG", "x" * 20_000], "The text has 20000 characters"),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_sentence(acme: Org, words: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=re.escape(why)):
        notice(acme, *(acme.space.slug if word == "SLUG" else word for word in words))
    assert acme.inside(Notice.objects.count) == 0


def test_a_suspended_organisation_is_not_told(acme: Org) -> None:
    acme.outside(organizations.suspend, acme.space.slug)
    with pytest.raises(CommandError, match="No organisation that is served"):
        notice(acme, acme.space.slug, "text")


def test_the_page_is_for_operators_only(server: Running, acme: Org) -> None:
    for client in (server.client(), server.client(token=acme.owner.token)):
        with client as http:
            page = http.get("/operators/notices/")
            assert "Operators run this installation" in page.text
            assert "slugs" not in page.text
            posted = http.post(
                "/operators/notices/",
                data={"message": "me too", "level": "info", "csrfmiddlewaretoken": http.cookies.get("csrftoken", "")},
            )
            assert posted.status_code in (200, 403)
    with as_(server, acme, acme.owner) as http:
        assert "me too" not in json.dumps(http.get("/api/v1/notices").json())
        assert http.get("/operators/notices/").status_code == 404
