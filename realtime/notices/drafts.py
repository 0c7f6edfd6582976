"""What an admin wants to say, to whom and when: checked, before anything of it is kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from billing import limits
from realtime import markup
from realtime.notices import audience, clock
from realtime.notices.models import Notice
from realtime.protocol import Refused, check_text
from tenants.actor import Actor

MOST_TITLE = 120
LEAST_INTERVAL, MOST_INTERVAL = 5, 60 * 24 * 90  # minutes
MOST_REMINDERS = 20
FURTHEST = timedelta(days=3 * 366)
TARDY = timedelta(minutes=2)  # somebody wrote “now” and then read it once more

Level = Notice.Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`of`: the roles, the addresses of public rooms, the ids of people, or the id of the notice that `audience` needs.
    Times without a zone are the organisation's. `remind_every` and `mail_after` are minutes."""

    message: str
    title: str = ""
    level: str = Level.INFO
    audience: str = Notice.Audience.EVERYBODY
    of: tuple[int | str, ...] = ()
    needs_ack: bool = False
    dismissible: bool = True
    publish_at: datetime | None = None
    expires_at: datetime | None = None
    repeats: str = ""
    remind_every: int | None = None
    remind_most: int = 3
    mail_after: int | None = None
    supersedes: int | None = None


def good(actor: Actor, draft: Draft) -> dict[str, Any]:
    """The same as columns. Raises Refused: empty, bad_text, too_long, bad_command (no such level); or ValidationError,
    by field. An urgent notice is always to be acknowledged."""
    check_text(draft.message, limits.body(actor.organization.key))
    if draft.title:
        check_text(draft.title, MOST_TITLE)
    if draft.level not in Level.values:
        raise Refused("bad_command", f"level: must be one of {', '.join(Level.values)}.")
    where = clock.zone()
    publish_at = _moment("publish_at", draft.publish_at, where)
    expires_at = _moment("expires_at", draft.expires_at, where)
    _require_order(publish_at, expires_at)
    _require_choice("audience", draft.audience, Notice.Audience.values)
    _require_choice("repeats", draft.repeats, Notice.Repeats.values)
    if draft.repeats and publish_at is None:
        raise ValidationError({"publish_at": _("Say when it is to be published first.")})
    _require_interval("remind_every", draft.remind_every)
    _require_interval("mail_after", draft.mail_after, least=0)
    if not 0 <= draft.remind_most <= MOST_REMINDERS:
        raise ValidationError({"remind_most": _("At most %(most)d times.") % {"most": MOST_REMINDERS}})
    if draft.mail_after is not None and not actor.email_verified:
        raise ValidationError({"mail_after": _("Verify your e-mail address first; then mail is sent.")})
    needs_ack = draft.needs_ack or draft.level == Level.URGENT
    return {
        "body": draft.message,
        "html": markup.render(draft.message, {}),
        "title": draft.title,
        "level": draft.level,
        "audience": draft.audience,
        "of": audience.good(actor, draft.audience, draft.of),
        "needs_ack": needs_ack,
        "dismissible": draft.dismissible and draft.level != Level.URGENT,
        "publish_at": publish_at,
        "expires_at": expires_at,
        "repeats": draft.repeats,
        "wished_at": _as_wished(draft.publish_at, publish_at, where),
        "remind_every": draft.remind_every,
        "remind_most": draft.remind_most if draft.remind_every else 0,
        "mail_after": draft.mail_after,
        "supersedes": _superseded(draft.supersedes),
    }


def _moment(field: str, at: datetime | None, where: ZoneInfo) -> datetime | None:
    if at is None:
        return None
    if not 2000 <= at.year < 3000:  # further off, calendars and time zones run out of numbers
        raise ValidationError({field: _("Write a date of this century.")})
    known = at.astimezone(UTC) if at.tzinfo else clock.moment(at, where)
    now = timezone.now()
    if known < now - TARDY:
        raise ValidationError({field: _("This is in the past.")})
    if known > now + FURTHEST:
        raise ValidationError({field: _("This is more than three years ahead.")})
    return known


def _require_order(publish_at: datetime | None, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= (publish_at or timezone.now()):
        raise ValidationError({"expires_at": _("It would expire before it is published.")})


def _require_choice(field: str, value: str, among: list[str]) -> None:
    if value not in among:
        raise ValidationError({field: _("One of: %(those)s.") % {"those": ", ".join(filter(None, among))}})


def _require_interval(field: str, minutes: int | None, least: int = LEAST_INTERVAL) -> None:
    if minutes is not None and not least <= minutes <= MOST_INTERVAL:
        sentence = _("Between %(least)d minutes and %(most)d days.")
        raise ValidationError({field: sentence % {"least": least, "most": MOST_INTERVAL // 60 // 24}})


def _as_wished(written: datetime | None, known: datetime | None, where: ZoneInfo) -> str:
    """The time of day that something repeats at stays the one that was written, whatever clocks do on a single day."""
    if written is None or known is None:
        return ""
    local = known.astimezone(where) if written.tzinfo else written
    return local.strftime(clock.WRITTEN)


def _superseded(notice_id: int | None) -> Notice | None:
    if notice_id is None:
        return None
    found = Notice.objects.filter(pk=notice_id, state=Notice.State.LIVE).first() if notice_id < 2**63 else None
    if found is None:
        raise ValidationError({"supersedes": _("There is no such notice that is live.")})
    return found
