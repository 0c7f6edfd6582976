"""Invitations: by mail for one person, by link for whoever holds it. Accepting one is joining (joining.py)."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.actor import Actor
from tenants.people import audit, owners
from tenants.people.adapter import link, write_to
from tenants.people.credentials import digest, new_secret
from tenants.people.models import Invitation, Role, Settings, User
from tenants.problems import Problem
from tenants.roles import RIGHTS, require, verb
from tenants.signals import entrances

DAYS, MOST_DAYS = 7, 30
MOST_USES = 10_000
MOST_ROOMS = 50
MAILS_A_DAY = 100  # of one organisation: it must not become a way to write to strangers
MAILS_PER_ADDRESS = 3  # of one organisation, a day
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """`url` is told this once. A mailed invitation has none: that it came by mail is what proves the address."""

    invitation: Invitation
    url: str | None


@verb("invitations.make")
@transaction.atomic
def make(
    actor: Actor,
    *,
    email: str = "",
    role: str = Role.MEMBER,
    rooms: Iterable[str] = (),
    days: int | None = DAYS,
    most_uses: int | None = None,
) -> Made:
    """An invitation into the organisation and into these rooms, which the inviter must see. With `email` it is mailed
    to that person, works once, and replaces an earlier one to the same address; without, it is a link, whose `days`
    and `most_uses` may be None: for ever, for any number of people."""
    if not actor.email_verified:
        raise Problem(403, "unverified", _("Verify your e-mail address first; then you can let others in."))
    email, rooms = email.strip().lower(), list(dict.fromkeys(rooms))
    _require_role(actor, role)
    _require_rooms(actor, rooms)
    _require_span(days, most_uses, mailed=bool(email))
    if email:
        owners.hold()  # so that of several at once none slips through the limits
        _require_address(email)
        _require_few_mails(email)
        usable().filter(email=email).update(revoked_at=timezone.now())
    secret = new_secret()
    row = Invitation.objects.create(
        token_hash=digest(secret),
        made_by_id=actor.user_id,
        email=email,
        role=role,
        rooms=rooms,
        expires_at=None if days is None else timezone.now() + timedelta(days=days),
        most_uses=1 if email else most_uses,
    )
    row.refresh_from_db()  # the database sets made_at
    audit.note(actor, "invitations.make", email or _("a link"), role=role, days=days, most_uses=row.most_uses)
    url = link("join", secret=secret)
    if not email:
        return Made(row, url)
    write_to(email, "tenants/mail/invitation", who=actor.name, url=url, until=row.expires_at)
    return Made(row, None)


@verb("invitations.listed")
def listed(actor: Actor, *, before: int | None = None, limit: int = 100) -> list[Invitation]:
    """Those that still let somebody in, the newest first, those older than invitation `before`. Each names the rooms
    that this person may see, and no others."""
    pending = usable().select_related("made_by").order_by("-pk")
    if before is not None:
        pending = pending.filter(pk__lt=before)
    known = dict(rooms_for(actor))
    found = list(pending[:limit])
    for each in found:
        each.rooms = [room for room in each.rooms if room in known]
    return found


@verb("invitations.revoke")
@transaction.atomic
def revoke(actor: Actor, invitation_id: int) -> None:
    """Nobody comes in by it any more."""
    row = usable().select_for_update(of=("self",)).filter(pk=invitation_id).first()
    if row is None:
        raise Problem(404, "not_found", _("There is no such invitation; it may have been used or revoked already."))
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    audit.note(actor, "invitations.revoke", row.email or _("a link"))


def usable() -> QuerySet[Invitation]:
    """Not revoked, not outdated, not used up, made by somebody who is still here and may still invite."""
    able = [role for role in Role if role.at_least(RIGHTS["invitations.make"].least)]
    return Invitation.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
        Q(most_uses=None) | Q(uses__lt=F("most_uses")),
        revoked_at=None,
        made_by__is_active=True,
        made_by__role__in=able,
    )


def void(maker: User) -> None:
    """Those of somebody who has lost the right to make them. They do not come back with the right."""
    Invitation.objects.filter(made_by=maker, revoked_at=None).update(revoked_at=timezone.now())


def require_domain(email: str) -> None:
    """The organisation may let in only people with an address of its own domains."""
    domains = Settings.objects.values_list("email_domains", flat=True).first()
    if domains and email.rpartition("@")[2].lower() not in domains:
        sentence = _("Only addresses of these domains can join: %(domains)s.")
        raise ValidationError({"email": sentence % {"domains": ", ".join(domains)}})


def rooms_for(actor: Actor) -> list[tuple[str, str]]:
    """Address and title of the rooms that this person may bring somebody into."""
    answers: Sequence[tuple[object, Any]] = entrances.send(Actor, actor=actor)
    return [room for _receiver, rooms in answers for room in rooms]


def _require_role(actor: Actor, role: str) -> None:
    require(actor, "invitations.make")
    if role not in Role.values:
        raise ValidationError({"role": _("There is no such role.")})
    if role == Role.OWNER or not Role(actor.role).at_least(Role(role)):
        raise Problem(403, "forbidden", _("You cannot invite anybody to a role above your own, nor to be an owner."))


def _require_rooms(actor: Actor, rooms: list[str]) -> None:
    if len(rooms) > MOST_ROOMS:
        raise ValidationError({"rooms": _("An invitation is into %(most)d rooms at most.") % {"most": MOST_ROOMS}})
    if rooms and not set(rooms) <= dict(rooms_for(actor)).keys():
        raise Problem(404, "not_found", _("There is no such room."))


def _require_span(days: int | None, most_uses: int | None, *, mailed: bool) -> None:
    if days is None and mailed:
        raise ValidationError({"days": _("An invitation by mail has an end.")})
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise ValidationError({"days": _("Between 1 and %(most)d days.") % {"most": MOST_DAYS}})
    if most_uses is not None and not 1 <= most_uses <= MOST_USES:
        raise ValidationError({"most_uses": _("Between 1 and %(most)d people.") % {"most": MOST_USES}})


def _require_address(email: str) -> None:
    """One that mail can be sent to, of a domain that is let in, and nobody's here."""
    try:
        MaxLengthValidator(254)(email)
        validate_email("" if any(unicodedata.category(letter) == "Cs" for letter in email) else email)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from None
    require_domain(email)
    proved = EmailAddress.objects.filter(email__iexact=email, verified=True).values("user")
    person = User.objects.filter(Q(email__iexact=email) | Q(pk__in=proved)).first()
    if person is None:
        return
    code, sentence = (
        ("already_member", _("%(name)s has this address and is a member already."))
        if person.is_active
        else ("deactivated", _("%(name)s has this address and is deactivated; reactivate the account instead."))
    )
    raise Problem(409, code, sentence % {"name": person.name})


def _require_few_mails(email: str) -> None:
    today = Invitation.objects.filter(made_at__gt=timezone.now() - DAY).exclude(email="")
    if today.filter(email=email).count() >= MAILS_PER_ADDRESS:
        sentence = _("This address has been written to %(most)d times today. Try again tomorrow.")
        raise Problem(429, "rate_limited", sentence % {"most": MAILS_PER_ADDRESS}, retry_after=DAY.total_seconds())
    if today.count() >= MAILS_A_DAY:
        sentence = _("%(most)d invitations have been mailed today. Make a link, or go on tomorrow.")
        raise Problem(429, "rate_limited", sentence % {"most": MAILS_A_DAY}, retry_after=DAY.total_seconds())
