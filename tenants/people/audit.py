"""The audit log: who did what to whom, when and from where. Verbs write it, in the transaction of what they did."""

from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from tenants.actor import Actor
from tenants.people.models import AuditEntry
from tenants.roles import RIGHTS, verb

LONGEST = 200


def note(actor: Actor, what: str, whom: object = "", **detail: Any) -> None:
    """One line: `actor` did `what`, a verb of the table, to `whom`, named as people would name it.

    `detail` is kept as JSON: what it was before and after. Never a secret, and nothing of a private room.
    """
    assert RIGHTS[what].audited, f"the table says that {what} is not audited"
    AuditEntry.objects.create(
        who_id=actor.user_id or None,  # 0: those who run the installation
        name=actor.name,
        what=what,
        whom=str(whom)[:LONGEST],
        detail=detail,
        client_address=actor.client_address,
    )


@verb("audit.listed")
def listed(
    actor: Actor,
    *,
    text: str = "",
    who: int | None = None,
    verb: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> QuerySet[AuditEntry]:
    """The newest lines first, those older than line `before`: of this person, of this verb, from `since` and earlier
    than `until`; with `text`, those that hold it in the name of who or whom."""
    return searched(text, who_id=who, what=verb, at__gte=since, at__lt=until, pk__lt=before)[:limit]


def searched(text: str, **columns: object) -> QuerySet[AuditEntry]:
    """The same in whichever schema we are: operators have a log of their own. What is empty is not asked for."""
    lines = AuditEntry.objects.order_by("-pk")
    if text := text.replace("\0", ""):  # which no text of the database holds
        lines = lines.filter(Q(name__icontains=text) | Q(whom__icontains=text))
    return lines.filter(**{column: value for column, value in columns.items() if value not in (None, "")})
