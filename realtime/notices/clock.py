"""The organisation's clock: what its admins write as a time of day, as a moment; and when one comes round again."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from realtime.notices.models import Notice
from tenants.people import settings

WRITTEN = "%Y-%m-%dT%H:%M"
Repeats = Notice.Repeats


def zone() -> ZoneInfo:
    """Of the organisation in whose schema we are."""
    return ZoneInfo(settings.now().time_zone)


def now() -> datetime:
    """By the database's clock, which says when a job is due: of another, it would seem to have come too early."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
        return at


def moment(local: datetime, where: ZoneInfo) -> datetime:
    """The moment at which clocks there show this time. What the change to summer time skips comes as much later as
    the clocks are put forward; of an hour that comes twice, the first is meant."""
    return local.replace(tzinfo=where, fold=0).astimezone(UTC)


def is_skipped(local: datetime, where: ZoneInfo) -> bool:
    """Do clocks there never show this time?"""
    return moment(local, where).astimezone(where).replace(tzinfo=None) != local


def following(repeats: str, wished: datetime, after: datetime, where: ZoneInfo) -> datetime:
    """The next local time after a moment at which something that was first wished for `wished` comes round again."""
    now = after.astimezone(where).replace(tzinfo=None)
    day = max(wished.date(), now.date())
    while True:
        if _falls_on(repeats, wished.date(), day):
            local = datetime.combine(day, wished.time())
            if local > wished and moment(local, where) > after:
                return local
        day += timedelta(days=1)


def _falls_on(repeats: str, first: date, day: date) -> bool:
    if repeats == Repeats.WEEKDAYS:
        return day.weekday() < 5
    if repeats == Repeats.WEEKLY:
        return day.weekday() == first.weekday()
    if repeats == Repeats.MONTHLY:  # on the 31st means on the last day, where there are fewer
        return day.day == min(first.day, monthrange(day.year, day.month)[1])
    return True
