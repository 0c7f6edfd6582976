"""One statement over many organisations: each row says whose it is, and one that is gone spoils nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from realtime.chat import messages, replays
from realtime.protocol import Post
from tenants import abreast
from tests.cast import Org

ROOMS = "SELECT {key}, address FROM {schema}.chat_room WHERE address = ANY({asked})"


def test_the_numbers_of_all_rooms_are_told_apart(acme: Org, globex: Org) -> None:
    for count, org in enumerate((acme, globex), start=1):
        for number in range(count):
            said = Post(room="general", client_id=f"c{number}", message="x")
            org.inside(messages.post, org.owner.actor, said)

    found = acme.outside(replays.heads, {acme.space: ["general", "nowhere"], globex.space: ["general"]})

    assert found == {(acme.key, "general"): 1, (globex.key, "general"): 2}


def test_an_organisation_that_is_gone_has_no_rows_and_spoils_none(acme: Org, caplog: pytest.LogCaptureFixture) -> None:
    gone = replace(acme.space, id=0, key="z" * 10)

    found = acme.outside(abreast.select, ROOMS, {gone: ["general"], acme.space: ["general"]})

    assert found == [(acme.key, "general")]
    assert "o_zzzzzzzzzz cannot be looked at" in caplog.text


def test_however_many_there_are_each_is_asked(
    new_organization: Callable[..., Org], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abreast, "AT_ONCE", 2)
    orgs = [new_organization(f"many{number}") for number in range(3)]

    found = orgs[0].outside(abreast.select, ROOMS, {org.space: ["general"] for org in orgs})

    assert sorted(found) == sorted((org.key, "general") for org in orgs)
