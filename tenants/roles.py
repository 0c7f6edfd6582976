"""Who may do what: one table. Everything that somebody can do has a row here; what has none does not even load.

The checks of sockets, REST and pages come from it, and so do their tests (tests/roles). A row says the least role. What
depends on more than the role (one's own message, a room that one is in) is said by the verb itself, in one sentence of
its docstring; rows ending in `moderate` or `announce` are powers that verbs ask for beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import connection, transaction
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tenants.actor import Actor, SignedInRequest, signed_in
from tenants.problems import Problem

P = ParamSpec("P")
T = TypeVar("T")


class Role(TextChoices):
    """The mightiest first."""

    OWNER = "owner", gettext_lazy("Owner")
    ADMIN = "admin", gettext_lazy("Admin")
    MODERATOR = "moderator", gettext_lazy("Moderator")
    MEMBER = "member", gettext_lazy("Member")
    GUEST = "guest", gettext_lazy("Guest")

    def at_least(self, other: "Role") -> bool:
        return _RANK[self] <= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Right:
    least: Role
    audited: bool = False  # the verb writes a line of the audit log
    reads: bool = False  # a token that only reads may, too: what a member sees of rooms, messages, people and notices


OWNER, ADMIN, MODERATOR, MEMBER, GUEST = Role

RIGHTS: dict[str, Right] = {
    # Rooms. A private room does not exist for those who are not in it, whatever their role; the audit log is silent
    # about it too.
    "rooms.listed": Right(GUEST, reads=True),
    "rooms.states": Right(GUEST, reads=True),
    "rooms.visible": Right(GUEST, reads=True),
    "rooms.own": Right(GUEST, reads=True),
    "rooms.members": Right(GUEST, reads=True),
    "rooms.join": Right(GUEST),
    "rooms.leave": Right(GUEST),
    "rooms.open": Right(MEMBER, audited=True),
    "rooms.direct": Right(MEMBER),
    "rooms.invite": Right(MEMBER, audited=True),
    "rooms.expel": Right(MEMBER, audited=True),
    "rooms.change": Right(MEMBER, audited=True),
    "rooms.archive": Right(MEMBER, audited=True),
    "rooms.restore": Right(MEMBER, audited=True),
    "rooms.moderate": Right(MODERATOR),  # do the last four in rooms that somebody else has made
    "rooms.announce": Right(MODERATOR),  # post where only announcements are allowed
    # Messages, always in a room that one may see.
    "messages.post": Right(GUEST),
    "messages.page": Right(GUEST, reads=True),
    "messages.since": Right(GUEST, reads=True),
    "messages.one": Right(GUEST, reads=True),
    "messages.edit": Right(GUEST),
    "messages.delete": Right(GUEST, audited=True),
    "messages.react": Right(GUEST),
    "messages.unreact": Right(GUEST),
    "messages.mark_read": Right(GUEST),
    "messages.moderate": Right(MODERATOR),  # delete what others have said
    # People.
    "members.listed": Right(GUEST, reads=True),
    "members.leave": Right(GUEST, audited=True),
    "members.change_role": Right(ADMIN, audited=True),
    "members.deactivate": Right(ADMIN, audited=True),
    "members.reactivate": Right(ADMIN, audited=True),
    "members.hand_over": Right(OWNER, audited=True),
    "profile.change": Right(GUEST),
    "presence.room": Right(GUEST, reads=True),
    "invitations.make": Right(ADMIN, audited=True),
    "invitations.listed": Right(ADMIN),
    "invitations.revoke": Right(ADMIN, audited=True),
    # One's own way in.
    "tokens.issue": Right(GUEST, audited=True),
    "tokens.listed": Right(GUEST),
    "tokens.end": Right(GUEST, audited=True),
    "sessions.listed": Right(GUEST),
    "sessions.end": Right(GUEST, audited=True),
    "sessions.end_others": Right(GUEST, audited=True),
    # The organisation.
    "notices.listed": Right(GUEST, reads=True),
    "notices.mark": Right(GUEST),
    "notices.publish": Right(ADMIN, audited=True),
    "notices.change": Right(ADMIN, audited=True),
    "notices.discard": Right(ADMIN, audited=True),
    "notices.withdraw": Right(ADMIN, audited=True),
    "notices.resend": Right(ADMIN, audited=True),
    "notices.duplicate": Right(ADMIN, audited=True),
    "notices.preview": Right(ADMIN),
    "notices.managed": Right(ADMIN),
    "notices.statistics": Right(ADMIN),
    "notices.missing": Right(ADMIN),
    "notices.export": Right(ADMIN),
    "settings.show": Right(GUEST),
    "settings.change": Right(ADMIN, audited=True),
    "settings.set_logo": Right(ADMIN, audited=True),
    "settings.remove_logo": Right(ADMIN, audited=True),
    "audit.listed": Right(ADMIN),
}


def may(actor: Actor, verb: str) -> bool:
    return Role(actor.role).at_least(RIGHTS[verb].least) and (RIGHTS[verb].reads or not actor.reads_only)


def require(actor: Actor, verb: str) -> None:
    """Raises the problem 403 `forbidden` for whoever's role, or token, the table does not let do this."""
    if actor.reads_only and not RIGHTS[verb].reads:
        raise Problem(403, "forbidden", _("This token only reads what members see. Use one that may do more."))
    if not may(actor, verb):
        least = RIGHTS[verb].least.label
        raise Problem(403, "forbidden", _("Your role does not allow this. It takes: %(role)s.") % {"role": least})


def verb(name: str) -> Callable[[Callable[Concatenate[Actor, P], T]], Callable[Concatenate[Actor, P], T]]:
    """Marks a function as the verb `name`: whoever calls it is asked for the right first.

    A name that the table does not hold is a KeyError while the program loads.
    """
    least = RIGHTS[name].least

    def declare(function: Callable[Concatenate[Actor, P], T]) -> Callable[Concatenate[Actor, P], T]:
        @wraps(function)
        def run(actor: Actor, /, *args: P.args, **kwargs: P.kwargs) -> T:
            if actor.role != least or actor.reads_only:
                require(actor, name)
            return function(actor, *args, **kwargs)

        VERBS[name] = run
        return run

    return declare


VERBS: dict[str, Callable[..., object]] = {}
"""Every verb that has been loaded, by its name in the table."""


def page(
    name: str,
) -> Callable[[Callable[Concatenate[SignedInRequest, P], HttpResponse]], Callable[Concatenate[Any, P], HttpResponse]]:
    """Marks a view as a page of the verb `name`: for whoever is signed in and has the right.

    Everybody else is taken to the sign-in page, or told so on a page with 403. Any other Problem that the view lets
    through becomes such a page too, and what the request has written is taken back. `view.verb` is the name.
    """
    RIGHTS[name]

    def declare(
        view: Callable[Concatenate[SignedInRequest, P], HttpResponse],
    ) -> Callable[Concatenate[Any, P], HttpResponse]:
        @wraps(view)
        def shown(request: SignedInRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                require(request.actor, name)
                return view(request, *args, **kwargs)
            except Problem as problem:
                if connection.in_atomic_block:
                    transaction.set_rollback(True)
                return refused(request, problem)

        guarded = signed_in(shown)
        guarded.verb = name  # type: ignore[attr-defined]
        return guarded

    return declare


def refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A problem, told on a page."""
    context = {"title": _("Not possible"), "sentence": problem.detail}
    return render(request, "tenants/refused.html", context, status=problem.status)
