"""What has had its time is thrown away, and nothing else."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from tenants import control, jobs, provisioning, sweeping
from tenants.models import Control, RetiredAddress, SignUpAttempt, Ticket
from tests.cast import Org


def test_only_what_has_had_its_time_is_thrown_away(acme: Org) -> None:
    now = timezone.now()
    old, young = now - timedelta(hours=2), now - timedelta(minutes=5)
    SignUpAttempt.objects.all().delete()
    SignUpAttempt.objects.create(client="old", at=old)
    SignUpAttempt.objects.create(client="young", at=young)
    RetiredAddress.objects.update_or_create(slug="over", defaults={"until": young})
    RetiredAddress.objects.update_or_create(slug="not-over", defaults={"until": now + timedelta(days=1)})
    Ticket.objects.create(token_hash="t", cookie_hash="c", organization_id=acme.space.id, user_id=1, expires_at=young)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tenants_control (at, key, what, subject) VALUES (%s, 'old', 'person', '')", [old])
    control.append("young", control.PERSON)

    sweeping.sweep.func()

    assert list(SignUpAttempt.objects.values_list("client", flat=True)) == ["young"]
    retired = RetiredAddress.objects.filter(slug__in=["over", "not-over"])
    assert [address.slug for address in retired] == ["not-over"]
    assert not Ticket.objects.filter(organization_id=acme.space.id).exists()
    assert [row.key for row in Control.objects.filter(key__in=["old", "young"])] == ["young"]
    SignUpAttempt.objects.all().delete()


def test_jobs_that_are_done_go_after_an_hour_and_those_given_up_stay_longer(database: str) -> None:
    hours = {"succeeded": [0, 2], "failed": [2, 31 * 24], "todo": [31 * 24]}
    made = {(status, age): job(status, age) for status, ages in hours.items() for age in ages}

    sweeping.sweep.func()

    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM procrastinate_jobs WHERE id = ANY(%s)", [list(made.values())])
        left = {number for (number,) in cursor.fetchall()}
    assert {what for what, number in made.items() if number in left} == {
        ("succeeded", 0),
        ("failed", 2),
        ("todo", 31 * 24),
    }


def job(status: str, age: int) -> int:
    """A job with this status, to which nothing has happened for `age` hours."""
    jobs.later(None, provisioning.keep_pool_filled)
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM procrastinate_jobs")
        (number,) = cursor.fetchone()
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status, queue_name = 'swept' WHERE id = %s",
            [status, number],
        )
        cursor.execute(
            "UPDATE procrastinate_events SET at = %s WHERE job_id = %s", [timezone.now() - timedelta(hours=age), number]
        )
    return int(number)
