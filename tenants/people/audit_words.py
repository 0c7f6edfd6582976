"""Lines of the audit log in plain words: "Ann / changed the role of Bob / from member to admin"."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.people.models import AuditEntry
from tenants.roles import RIGHTS

SENTENCES = {
    "rooms.open": gettext_lazy("opened the room %(whom)s"),
    "rooms.invite": gettext_lazy("brought %(whom)s into a room"),
    "rooms.expel": gettext_lazy("put %(whom)s out of a room"),
    "rooms.change": gettext_lazy("changed the room %(whom)s"),
    "rooms.archive": gettext_lazy("archived the room %(whom)s"),
    "rooms.restore": gettext_lazy("brought back the room %(whom)s"),
    "messages.delete": gettext_lazy("deleted a message of %(whom)s"),
    "members.leave": gettext_lazy("left the organisation"),
    "members.change_role": gettext_lazy("changed the role of %(whom)s"),
    "members.deactivate": gettext_lazy("deactivated the account of %(whom)s"),
    "members.reactivate": gettext_lazy("reactivated the account of %(whom)s"),
    "members.hand_over": gettext_lazy("handed the organisation over to %(whom)s"),
    "invitations.make": gettext_lazy("invited %(whom)s"),
    "invitations.revoke": gettext_lazy("revoked the invitation of %(whom)s"),
    "tokens.issue": gettext_lazy("made the token %(whom)s"),
    "tokens.end": gettext_lazy("ended the token %(whom)s"),
    "sessions.end": gettext_lazy("ended the own session in %(whom)s"),
    "sessions.end_others": gettext_lazy("ended all other own sessions"),
    "notices.publish": gettext_lazy("published the notice “%(whom)s”"),
    "notices.change": gettext_lazy("changed the notice “%(whom)s”"),
    "notices.discard": gettext_lazy("threw away the notice “%(whom)s”"),
    "notices.withdraw": gettext_lazy("withdrew the notice “%(whom)s”"),
    "notices.resend": gettext_lazy("reminded those who miss the notice “%(whom)s”"),
    "notices.duplicate": gettext_lazy("made a copy of the notice “%(whom)s”"),
    "settings.change": gettext_lazy("changed the settings"),
    "settings.set_logo": gettext_lazy("changed the logo"),
    "settings.remove_logo": gettext_lazy("removed the logo"),
    # Of operators.
    "organizations.suspend": gettext_lazy("suspended %(whom)s"),
    "organizations.resume": gettext_lazy("resumed %(whom)s"),
    "organizations.announce": gettext_lazy("sent a notice to %(whom)s"),
    "organizations.delete": gettext_lazy("closed %(whom)s for deletion"),
}

DETAILS = {
    "name": gettext_lazy("Name"),
    "title": gettext_lazy("Title"),
    "topic": gettext_lazy("Topic"),
    "announcements": gettext_lazy("Announcements only"),
    "room": gettext_lazy("Room"),
    "seq": gettext_lazy("Number"),
    "level": gettext_lazy("Level"),
    "audience": gettext_lazy("For"),
    "state": gettext_lazy("State"),
    "role": gettext_lazy("Role"),
    "days": gettext_lazy("Days"),
    "most_uses": gettext_lazy("Uses"),
    "count": gettext_lazy("How many"),
    "address": gettext_lazy("Address"),
    "reason": gettext_lazy("Reason"),
    "time_zone": gettext_lazy("Time zone"),
    "default_rooms": gettext_lazy("Default rooms"),
    "email_domains": gettext_lazy("E-mail domains"),
    "requires_second_factor": gettext_lazy("Second factor required"),
    "erased_at": gettext_lazy("Erased on"),
}


def kinds() -> list[tuple[str, str]]:
    """The verbs of an organisation's log, as a list to choose from."""
    told = ((verb, str(words) % {"whom": "…"}) for verb, words in SENTENCES.items() if verb in RIGHTS)
    return sorted(((verb, capfirst(words)) for verb, words in told), key=itemgetter(1))


def sentence(line: AuditEntry) -> str:
    """What was done, beginning with a verb. One that is no longer known is told by its name."""
    words = SENTENCES.get(line.what)
    return str(words) % {"whom": line.whom} if words else f"{line.what} {line.whom}".strip()


def details(line: AuditEntry) -> list[str]:
    """What else the line holds, a phrase each."""
    return list(_phrases(line.detail))


def _phrases(detail: dict[str, Any]) -> Iterator[str]:
    if "before" in detail or "after" in detail:
        yield from _steps(detail.get("before"), detail.get("after"))
    for name, value in detail.items():
        if name in ("before", "after") or value is None:
            continue
        stepped = isinstance(value, dict) and "before" in value
        told = " ".join(_steps(value["before"], value.get("after"))) if stepped else _told(value)
        yield f"{DETAILS.get(name, name)}: {told}"


def _steps(before: Any, after: Any) -> Iterator[str]:
    """From what to what; or, where what came after is not told, from what."""
    if after is not None:
        yield f"{_told(before)} → {_told(after)}"
    elif isinstance(before, dict):
        yield from (_("%(what)s before") % {"what": phrase} for phrase in _phrases(before))
    else:
        yield _("%(what)s before") % {"what": _told(before)}


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _("none")
    return _("none") if value in (None, "") else str(value)
