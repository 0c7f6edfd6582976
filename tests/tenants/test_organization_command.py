"""`conclave organization`: what operators see of organisations, and what they do to them."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tenants import addresses, control, organizations
from tenants.models import Domain, Organization, RetiredAddress
from tests.cast import Org
from tests.tenants.catalogue import schemas
from tests.tenants.visitors import Visitor, call, ended, mails


def command(*arguments: str) -> str:
    told = io.StringIO()
    call_command("organization", *arguments, stdout=told)
    return told.getvalue()


def listed(org: Org) -> dict[str, Any]:
    (entry,) = [entry for entry in json.loads(command("list", "--json")) if entry["slug"] == org.space.slug]
    return dict(entry)


def status(org: Org) -> int:
    return call(org.space, "GET", "/session", org.owner.token).status_code


def test_the_list_tells_what_there_is_of_each(acme: Org, globex: Org) -> None:
    acme.add("bob")

    entry, table = listed(acme), command("list")

    assert (entry["name"], entry["state"], entry["people"]) == ("Acme", "active", 2)
    assert entry["version"] == organizations.provisioning.schema_version()
    assert 10 < entry["tables"] <= 30
    assert 0 < entry["bytes"] <= 2 * 1024 * 1024
    assert listed(globex)["people"] == 1
    assert acme.space.slug in table
    assert globex.space.slug in table


def test_a_suspended_organisation_lets_nobody_in_until_it_is_resumed(acme: Org, globex: Org) -> None:
    assert status(acme) == 200

    command("suspend", acme.space.slug)
    suspended = call(acme.space, "GET", "/session", acme.owner.token)
    others = status(globex)
    command("resume", acme.space.slug)

    assert (suspended.status_code, suspended.json()["code"]) == (403, "suspended")
    assert others == status(acme) == 200
    assert ended(acme.space).count((control.ORGANIZATION, "")) == 2


def test_a_deleted_organisation_is_gone_for_its_people_and_comes_back_within_its_grace(acme: Org) -> None:
    told = command("delete", acme.space.slug)
    organizations.erase_due.func()
    gone, state = status(acme), listed(acme)["state"]
    command("resume", acme.space.slug)

    assert "resume" in told
    assert (gone, state) == (404, "deleting")
    assert acme.space.schema_name in schemas()
    assert status(acme) == 200


def test_when_its_grace_is_over_it_is_erased_by_the_clock(acme: Org, globex: Org) -> None:
    command("delete", acme.space.slug)
    left = Organization.objects.get(pk=acme.space.id).delete_after
    Organization.objects.filter(pk=acme.space.id).update(delete_after=timezone.now())

    organizations.erase_due.func()

    assert left is not None
    assert timedelta(days=29) < left - timezone.now() <= timedelta(days=30)
    assert acme.space.schema_name not in schemas()
    assert not Organization.objects.filter(pk=acme.space.id).exists()
    assert status(globex) == 200


def test_deleting_at_once_drops_everything_of_it_and_keeps_its_address_for_90_days(acme: Org, globex: Org) -> None:
    assert mails(acme.space)

    command("delete", acme.space.slug, "--at-once", "--yes")

    assert acme.space.schema_name not in schemas()
    assert mails(acme.space) == []
    assert not Domain.objects.filter(domain=acme.space.slug).exists()
    assert not Organization.objects.filter(schema_name=acme.space.schema_name).exists()
    assert mails(globex.space)
    assert status(acme) == 404
    with pytest.raises(addresses.Unavailable, match="taken"):
        addresses.check(acme.space.slug)
    until = RetiredAddress.objects.get(slug=acme.space.slug).until
    assert timedelta(days=89) < until - timezone.now() <= timedelta(days=90)


def test_a_worker_that_erases_first_is_no_error(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(seconds: float) -> None:
        assert seconds >= 2 * control.INTERVAL
        Organization.objects.filter(pk=acme.space.id).update(delete_after=timezone.now())
        organizations.erase_due.func()

    monkeypatch.setattr("time.sleep", meanwhile)

    assert "is erased" in command("delete", acme.space.slug, "--at-once", "--yes")
    assert acme.space.schema_name not in schemas()


def test_erasing_asks_first_and_without_a_terminal_it_needs_yes(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="--yes"):
        command("delete", acme.space.slug, "--at-once")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "something else")
    with pytest.raises(CommandError, match="Nothing was done"):
        command("delete", acme.space.slug, "--at-once")

    assert status(acme) == 200


def test_erasing_leaves_alone_what_is_not_due(acme: Org) -> None:
    organizations.erase(acme.space.id)
    organizations.delete(acme.space.slug)
    organizations.erase(acme.space.id)

    assert acme.space.schema_name in schemas()


@pytest.mark.parametrize("verb", ["suspend", "resume", "delete"])
def test_an_address_where_nobody_lives_is_told_in_one_sentence(database: str, verb: str) -> None:
    with pytest.raises(CommandError, match="There is no organisation at this address"):
        command(verb, "nobody-here")


def test_resuming_what_is_active_is_told_in_one_sentence(acme: Org) -> None:
    with pytest.raises(CommandError, match="This organisation is active"):
        command("resume", acme.space.slug)


def test_the_site_of_a_deleted_organisation_is_nobodys(acme: Org) -> None:
    command("delete", acme.space.slug, "--at-once", "--yes")

    page = Visitor(acme.space.url).get("/", headers={"accept": "text/html"})

    assert page.status_code == 404
    assert "There is no organisation at this address." in page.text
