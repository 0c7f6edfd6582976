"""Jobs: committed with the row that wants them, run in the schema of the organisation they are for."""

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.utils import timezone
from procrastinate.contrib.django import app

from tenants import jobs, organizations, rescuing
from tenants.directory import Space
from tenants.people.models import Invitation, User
from tenants.schema import current_key, entered
from tests.cast import Org

QUEUE = "tests"


@jobs.for_tenants
def mark(space: Space, text: str) -> None:
    """Leaves a row in the organisation's schema that says where the job believed to be."""
    assert current_key() == space.key
    Invitation.objects.create(token_hash=f"{text} in {space.key}", made_by=User.objects.get())


@jobs.for_everybody()
def look_around() -> None:
    seen.append(str(connection.schema_name))


mark.queue = look_around.queue = QUEUE
seen: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_to_do_yet(database: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE queue_name = %s", [QUEUE])


def work() -> None:
    """What is there to do, done by a worker like the real one."""
    opened: list[Any] = []

    def note(connection: Any, **_: Any) -> None:
        opened.append(connection.connection)

    connection_created.connect(note)
    with app.replace_connector(app.connector.get_worker_connector()) as working:  # type: ignore[attr-defined]
        working.run_worker(queues=[QUEUE], wait=False, concurrency=4, install_signal_handlers=False)
    connection_created.disconnect(note)
    for each in opened:  # a process that ends would close them
        each.close()


def waiting() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status::text, args->>'key' FROM public.procrastinate_jobs WHERE queue_name = %s ORDER BY id",
            [QUEUE],
        )
        return list(cursor.fetchall())


def marks(org: Org) -> set[str]:
    with entered(org.space.schema_name):
        return set(Invitation.objects.values_list("token_hash", flat=True))


def test_a_rolled_back_transaction_takes_row_and_job_with_it(acme: Org) -> None:
    with entered(acme.space.schema_name), transaction.atomic():
        Invitation.objects.create(token_hash="row", made_by=User.objects.get())
        jobs.later(acme.key, mark, text="job")
        assert Invitation.objects.count() == 1
        transaction.set_rollback(True)

    assert waiting() == []
    assert marks(acme) == set()


def test_a_committed_one_keeps_both_and_stays_where_it_was(acme: Org) -> None:
    with entered(acme.space.schema_name), transaction.atomic():
        jobs.later(acme.key, mark, text="job")
        assert current_key() == acme.key
        Invitation.objects.create(token_hash="row", made_by=User.objects.get())

    assert waiting() == [("todo", acme.key)]
    work()
    assert marks(acme) == {"row", f"job in {acme.key}"}


def test_interleaved_jobs_of_several_organisations_land_in_their_own(acme: Org, globex: Org) -> None:
    for number in range(20):
        for org in (acme, globex):
            jobs.later(org.key, mark, text=str(number))
        jobs.later(None, look_around)

    work()

    for org in (acme, globex):
        assert marks(org) == {f"{number} in {org.key}" for number in range(20)}
    assert seen[-20:] == ["public"] * 20
    assert {status for status, _ in waiting()} == {"succeeded"}


def test_a_job_of_a_suspended_organisation_is_refused_and_those_of_others_run(acme: Org, globex: Org) -> None:
    for org in (acme, globex):
        jobs.later(org.key, mark, text="job")
    organizations.suspend(acme.space.slug)

    work()

    assert marks(acme) == set()
    assert marks(globex) == {f"job in {globex.key}"}
    assert set(waiting()) == {("todo", acme.key), ("succeeded", globex.key)}


def test_a_job_of_an_erased_organisation_is_dropped(acme: Org) -> None:
    organizations.delete(acme.space.slug)
    organizations.Organization.objects.filter(pk=acme.space.id).update(delete_after=timezone.now())
    organizations.erase(acme.space.id)
    jobs.later(acme.key, mark, text="late")

    work()

    assert [status for status, _ in waiting()] == ["succeeded"]


def test_a_job_leaves_its_thread_in_public_also_when_it_fails(acme: Org) -> None:
    with entered(acme.space.schema_name):
        User.objects.create_user("second@acme.example", name="Second")  # mark() expects one person
    for _ in range(8):
        jobs.later(acme.key, mark, text="fails")
        jobs.later(None, look_around)

    work()

    assert marks(acme) == set()
    assert seen[-8:] == ["public"] * 8


def test_the_jobs_of_the_product_are_found_by_the_worker(database: str) -> None:
    app.perform_import_paths()

    assert {
        "tenants.mail.send_for_organization",
        "tenants.organizations.erase_due",
        "tenants.sweeping.sweep",
    } <= set(app.tasks)
    assert "tenants.provisioning.keep_pool_filled" in app.tasks


def test_a_job_whose_worker_was_killed_is_begun_again_and_one_of_a_living_worker_is_left_alone(acme: Org) -> None:
    for _ in range(3):
        jobs.later(acme.key, mark, text="job")
    with connection.cursor() as cursor:
        heartbeats = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '1 minute')"
        cursor.execute(f"{heartbeats} RETURNING id")
        workers = [*(number for (number,) in cursor.fetchall()), None]  # alive, dead, and struck off
        cursor.execute("SELECT id FROM procrastinate_jobs WHERE queue_name = %s ORDER BY id", [QUEUE])
        for (number,), worker in zip(cursor.fetchall(), workers, strict=True):
            begun = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE id = %s"
            cursor.execute(begun, [worker, number])
    assert [status for status, _ in waiting()] == ["doing"] * 3

    rescuing.rescue.func()

    assert [status for status, _ in waiting()] == ["doing", "todo", "todo"]
