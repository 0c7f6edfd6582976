"""A worker that was killed leaves its jobs under way for ever, as far as anybody can see. Others take them up."""

import logging

from django.db import connection

from tenants import jobs

SILENT = 30.0  # seconds without a heartbeat (a worker's comes every ten): it is dead

log = logging.getLogger("conclave.jobs")

# Workers that are long dead have been struck off, and their jobs are nobody's.
_RESCUE = """
SELECT procrastinate_retry_job_v2(job.id, now(), NULL, NULL, NULL)
FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %s))
"""


@jobs.for_everybody(every="* * * * *")
def rescue() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_RESCUE, [SILENT])
        if cursor.rowcount > 0:
            log.warning("%d jobs of workers that died are begun again", cursor.rowcount)
