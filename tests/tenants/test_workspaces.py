"""Find my workspaces: told by mail to the address alone, and nothing that anybody could read off beside it."""

import base64
import re
from email import message_from_bytes, policy
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection, transaction
from django.test import override_settings

from tenants import organizations, upgrading
from tenants.models import Workspace
from tenants.people import members, workspaces
from tenants.people.models import Role, User
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.test_invitations import mailed
from tests.tenants.visitors import PASSWORD, Visitor, person, signed_in


@pytest.fixture(autouse=True)
def _nothing_known_and_nothing_asked_yet(database: str) -> None:
    Workspace.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE args->>'key' IS NULL")
        cursor.execute("DELETE FROM people_cache")


def test_whoever_asks_is_mailed_where_they_are(acme: Org, globex: Org) -> None:
    for org in (acme, globex):
        person(org.space, "bob")
    person(globex.space, "mallory")

    asks("Bob@people.example")

    (mail,) = told()
    assert mail["to"] == "bob@people.example"
    for org in (acme, globex):
        assert f"{org.space.url}/" in mail.get_body(("plain",)).get_content()
        assert f'href="{org.space.url}/"' in mail.get_body(("html",)).get_content()


def test_it_tells_of_no_organisation_that_one_is_not_in(acme: Org, globex: Org) -> None:
    person(acme.space, "bob")
    person(globex.space, "mallory")

    asks("mallory@people.example")

    (mail,) = told()
    assert globex.space.url in mail.as_string()
    assert acme.space.url not in mail.as_string()


def test_strangers_get_no_mail_and_the_same_answer(acme: Org) -> None:
    person(acme.space, "bob")

    known, unknown = (plain(asked(email)) for email in ("bob@people.example", "nobody@people.example"))

    assert known == unknown
    assert [mail["to"] for mail in told()] == ["bob@people.example"]


def test_the_request_looks_nothing_up(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it takes as long for the known as for the unknown: both leave the same job behind, and that is all."""
    person(acme.space, "bob")
    looked_up: list[str] = []
    monkeypatch.setattr(workspaces, "spaces_of", looked_up.append)

    for email in ("bob@people.example", "nobody@people.example"):
        asked(email)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT args::text FROM procrastinate_jobs WHERE task_name = %s ORDER BY id", [workspaces.tell.name]
        )
        left = [args for (args,) in cursor.fetchall()]
    assert looked_up == []
    assert left == ['{"email": "bob@people.example"}', '{"email": "nobody@people.example"}']


def test_a_mail_address_is_written_to_a_few_times_an_hour_whoever_asks(acme: Org) -> None:
    person(acme.space, "bob")

    answers = {plain(asked("bob@people.example")) for _ in range(5)}

    assert len(answers) == 1
    assert len(told()) == 3


def test_a_client_asks_so_often_and_others_are_not_held_up() -> None:
    visitor = Visitor(settings.PUBLIC_URL)

    statuses = [visitor.post("/workspaces/", email=f"{n}@people.example").status_code for n in range(11)]

    assert statuses == [302] * 10 + [429]
    assert asked("other@people.example").status_code == 302


def test_bad_addresses_are_told_so() -> None:
    assert Visitor(settings.PUBLIC_URL).post("/workspaces/", email="bob@").status_code == 422


def test_looking_at_the_page_asks_nothing(acme: Org) -> None:
    person(acme.space, "bob")

    page = Visitor(settings.PUBLIC_URL).get("/workspaces/?email=bob@people.example")

    assert page.status_code == 200
    assert told() == []


def test_it_is_on_the_public_site_only(acme: Org) -> None:
    assert Visitor(acme.space.url).get("/workspaces/").status_code == 404


def test_only_proved_addresses_of_active_people_are_in_the_directory(acme: Org, globex: Org) -> None:
    person(acme.space, "cy", verified=False)
    bob = person(acme.space, "bob")
    assert places("cy@people.example") == []
    assert places("bob@people.example") == [acme.key]

    with entered(acme.space.schema_name):
        members.deactivate(acme.owner.actor, bob.pk)
    assert places("bob@people.example") == []
    with entered(acme.space.schema_name):
        members.reactivate(acme.owner.actor, bob.pk)
    assert places("bob@people.example") == [acme.key]


def test_the_directory_follows_every_change_of_an_address(acme: Org) -> None:
    bob = person(acme.space, "bob", verified=False)
    with entered(acme.space.schema_name):
        address = EmailAddress.objects.get(user=bob)
        address.set_verified()
    assert places("bob@people.example") == [acme.key]

    with entered(acme.space.schema_name):
        address.email = "robert@people.example"
        address.save()
    assert (places("bob@people.example"), places("robert@people.example")) == ([], [acme.key])

    with entered(acme.space.schema_name):
        EmailAddress.objects.create(user=bob, email="second@people.example", verified=True)
        address.delete()
    assert (places("robert@people.example"), places("second@people.example")) == ([], [acme.key])

    with entered(acme.space.schema_name):
        User.objects.get(pk=bob.pk).delete()
    assert places("second@people.example") == []


def test_a_change_that_is_taken_back_leaves_the_directory_as_it_was(acme: Org) -> None:
    class TakenBack(Exception):
        pass

    def join() -> None:
        with entered(acme.space.schema_name), transaction.atomic():
            user = User.objects.create_user("bob@people.example", name="Bob")
            EmailAddress.objects.create(user=user, email=user.email, verified=True)
            raise TakenBack

    with pytest.raises(TakenBack):
        join()

    assert places("bob@people.example") == []


def test_an_invitation_by_mail_puts_its_address_into_the_directory(acme: Org) -> None:
    ann = signed_in(acme.space, person(acme.space, "ann", role=Role.OWNER))
    ann.call("POST", "/invitations", {"email": "bob@example.com"})

    Visitor(acme.space.url).post(mailed(acme), name="Bob", password=PASSWORD)

    assert places("bob@example.com") == [acme.key]


def test_an_organisation_that_is_being_deleted_vanishes_from_it(acme: Org, globex: Org) -> None:
    for org in (acme, globex):
        person(org.space, "bob")

    organizations.delete(acme.space.slug)

    assert [space.key for space in workspaces.spaces_of("bob@people.example")] == [globex.key]


def test_a_row_tells_nothing_but_a_mark_under_a_secret(acme: Org) -> None:
    person(acme.space, "bob")

    marks = set(Workspace.objects.filter(organization_id=acme.space.id).values_list("address_mark", flat=True))

    assert all(re.fullmatch(r"[0-9a-f]{64}", mark) for mark in marks)
    assert marks & set(workspaces.marks(" BOB@people.example"))
    with override_settings(SECRET_KEY="another secret of another installation"):
        assert not marks & set(workspaces.marks("bob@people.example"))


def test_a_new_secret_finds_what_was_written_under_the_one_before(acme: Org) -> None:
    bob = person(acme.space, "bob")
    with override_settings(SECRET_KEY="a new secret", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert places("bob@people.example") == [acme.key]
        with entered(acme.space.schema_name):
            members.deactivate(acme.owner.actor, bob.pk)
        assert places("bob@people.example") == []


def test_an_upgrade_writes_down_who_was_there_before_the_directory(acme: Org, globex: Org) -> None:
    person(acme.space, "bob")
    person(acme.space, "cy", verified=False)
    person(globex.space, "mallory")
    Workspace.objects.all().delete()

    upgrading.migrate(acme.space.schema_name)

    assert places("bob@people.example") == [acme.key]
    assert places("cy@people.example") == places("mallory@people.example") == []


def asked(email: str) -> Any:
    return Visitor(settings.PUBLIC_URL).post("/workspaces/", email=email)


def asks(email: str) -> None:
    assert asked(email).headers["location"] == "/workspaces/sent/"


def plain(answer: Any) -> tuple[int, bytes, tuple[tuple[str, str], ...]]:
    """Without what differs from one second to the next anyway."""
    headers = tuple((name, value) for name, value in answer.headers.items() if name not in ("set-cookie", "expires"))
    return answer.status_code, answer.content, headers


def told() -> list[Any]:
    """Runs the jobs that were asked for; returns the mail that they wrote."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'email' FROM procrastinate_jobs WHERE task_name = %s", [workspaces.tell.name])
        wanted = [email for (email,) in cursor.fetchall()]
    for email in wanted:
        workspaces.tell(email=email)
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'mail' FROM procrastinate_jobs WHERE args ? 'mail' AND args->>'key' IS NULL")
        return [message_from_bytes(base64.b64decode(text), policy=policy.default) for (text,) in cursor.fetchall()]


def places(email: str) -> list[str]:
    return [space.key for space in workspaces.spaces_of(email)]
