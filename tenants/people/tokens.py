"""API tokens of a person: issued, listed and ended by that person alone."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.actor import Actor
from tenants.people import audit, credentials
from tenants.people.models import Token, User
from tenants.people.names import is_name
from tenants.problems import Problem
from tenants.roles import verb

MOST = 20


@verb("tokens.issue")
@transaction.atomic
def issue(actor: Actor, name: str, *, reads_only: bool = False) -> tuple[Token, str]:
    """A new token of this person and its text, which is told this once. `reads_only`: it lets nothing be done, and sees
    what members see."""
    if not actor.email_verified:
        raise Problem(403, "unverified", _("Verify your e-mail address first; then you can make tokens."))
    name = name.strip()
    if not is_name(name):
        raise Problem(422, "invalid", _("Name the token with 1 to 80 characters."))
    user = User.objects.select_for_update(no_key=True).get(pk=actor.user_id)  # two at once do not both become the last
    user.tokens.filter(expires_at__lte=timezone.now()).delete()
    if user.tokens.count() >= MOST:
        raise Problem(409, "too_many", _("You have %(most)d tokens already; end one first.") % {"most": MOST})
    audit.note(actor, "tokens.issue", name)
    return credentials.issue(user, name, reads_only=reads_only)


@verb("tokens.listed")
def listed(actor: Actor, *, before: int | None = None, limit: int = MOST) -> QuerySet[Token]:
    """The newest first, those older than token `before`."""
    own = Token.objects.filter(user_id=actor.user_id, expires_at__gt=timezone.now()).order_by("-pk")
    return (own if before is None else own.filter(pk__lt=before))[:limit]


@verb("tokens.end")
@transaction.atomic
def end(actor: Actor, token_id: int) -> None:
    """The token counts no more, also on sockets that were opened with it."""
    token = Token.objects.filter(user_id=actor.user_id, pk=token_id).first()
    if token is None:
        raise Problem(404, "not_found", _("You have no such token; it may have ended already."))
    audit.note(actor, "tokens.end", token.name)
    token.delete()
