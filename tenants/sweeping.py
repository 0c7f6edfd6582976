"""Throwing away what has had its time. What nobody reads any more would only grow, and tell what it should not."""

from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from tenants import attempts, jobs
from tenants.models import Control, Organization, RetiredAddress, Ticket
from tenants.people import idempotency
from tenants.provisioning import schema_version
from tenants.schema import entered

# Jobs hold mail, so they go when they are done. Those given up stay for operators to look at.
DONE_FOR = {"succeeded": timedelta(hours=1), "failed": timedelta(days=30)}
CONTROL_FOR = timedelta(hours=1)  # every process has read it within seconds


@jobs.for_everybody(every="7 * * * *")
def sweep() -> None:
    now = timezone.now()
    attempts.forget_old()
    Ticket.objects.filter(expires_at__lt=now).delete()
    RetiredAddress.objects.filter(until__lt=now).delete()
    Control.objects.filter(at__lt=now - CONTROL_FOR).delete()
    for status, kept in DONE_FOR.items():
        _forget_jobs(status, now - kept)


@jobs.for_everybody(every="41 * * * *")
def forget_answers() -> None:
    """In every organisation: one short statement each."""
    served = Organization.objects.filter(version__gte=schema_version())
    for schema_name in served.values_list("schema_name", flat=True):
        with entered(schema_name):
            idempotency.forget_old()


def _forget_jobs(status: str, since: datetime) -> None:
    """Those that nothing has happened to since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs job WHERE status::text = %s AND NOT EXISTS"
            " (SELECT FROM procrastinate_events WHERE job_id = job.id AND at >= %s)",
            [status, since],
        )
