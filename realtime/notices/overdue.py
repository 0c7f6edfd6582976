"""Nothing that was to happen by the clock is forgotten: not when a job was given up while its organisation was
suspended, nor when a worker was killed in the middle."""

from datetime import timedelta

from django.db.models import Q

from realtime.notices import clock, publishing
from realtime.notices.models import Notice
from tenants import jobs
from tenants.models import Organization
from tenants.provisioning import schema_version
from tenants.schema import entered

LATE = timedelta(minutes=2)
State = Notice.State


@jobs.for_everybody(every="*/5 * * * *")
def look() -> None:
    """In every organisation: one short statement each."""
    served = Organization.objects.filter(version__gte=schema_version(), state=Organization.State.ACTIVE)
    for key, schema_name in [(row.key, row.schema_name) for row in served]:
        with entered(schema_name):
            begin_again(key)


def begin_again(key: str) -> None:
    """Does no harm where it was not needed."""
    late = clock.now() - LATE
    due = Q(state=State.SCHEDULED, publish_at__lt=late) | Q(state=State.PUBLISHING, began_at__lt=late)
    due |= Q(state=State.LIVE) & (Q(expires_at__lt=late) | Q(remind_at__lt=late) | Q(mail_at__lt=late))
    for notice_id, state in Notice.objects.filter(due).values_list("pk", "state"):
        jobs.later(key, publishing.proceed if state == State.PUBLISHING else publishing.tend, notice_id=notice_id)
