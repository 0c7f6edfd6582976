"""Members: who is here, what they may do, and how one leaves or is let go."""

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from tenants.actor import Actor
from tenants.people import audit, invitations, joining, owners
from tenants.people.models import Role, User
from tenants.people.owners import Held
from tenants.problems import Problem
from tenants.roles import RIGHTS, require, verb
from tenants.signals import companions


@verb("members.listed")
def listed(
    actor: Actor, *, text: str = "", after: int | None = None, limit: int = 200, deactivated: bool = False
) -> list[User]:
    """People by name, those that come after the person `after`; with `text`, those whose name holds it, for admins
    also whose address does. Guests are shown whom they share a room with. Who is `deactivated` is shown to those who
    may reactivate them."""
    if deactivated:
        require(actor, "members.reactivate")
    people = _known(actor).filter(is_active=not deactivated).order_by("name", "pk")
    if after is not None:
        name = User.objects.filter(pk=after).values_list("name", flat=True).first() or ""
        people = people.filter(Q(name__gt=name) | Q(name=name, pk__gt=after))
    if text:
        text = text.replace("\0", "")
        fits = Q(name__icontains=text)
        people = people.filter(fits | Q(email__icontains=text) if actor.is_admin else fits)
    return list(people[:limit])


@verb("members.change_role")
@transaction.atomic
def change_role(actor: Actor, user_id: int, role: str) -> User:
    """Admins give people below owner roles up to admin. Only owners touch owners and make some; the last stays one."""
    held, person = _within_reach(actor, user_id)
    if role not in Role.values:
        raise Problem(422, "invalid", _("There is no such role."))
    if role == Role.OWNER and not actor.is_owner:
        raise Problem(403, "forbidden", _("Only an owner can make somebody an owner."))
    _require_active(person)
    if person.role == role:
        return person
    if person.role == Role.OWNER:
        owners.require_another(held, person)
    audit.note(actor, "members.change_role", person.name, before=person.role, after=role)
    _give(person, role)
    return person


@verb("members.deactivate")
@transaction.atomic
def deactivate(actor: Actor, user_id: int) -> User:
    """This person is out: sessions, tokens and invitations end for good, open sockets within two seconds. What they
    have said stays. Whoever means oneself leaves."""
    held, person = _within_reach(actor, user_id)
    if person.pk == actor.user_id:
        raise Problem(409, "yourself", _("You cannot deactivate yourself; you can leave."))
    if person.is_active:
        owners.require_another(held, person)
        audit.note(actor, "members.deactivate", person.name)
        _let_go(person)
    return person


@verb("members.reactivate")
@transaction.atomic
def reactivate(actor: Actor, user_id: int) -> User:
    """The same account again, with its role, rooms and password; what ended when it was deactivated stays ended."""
    _held, person = _within_reach(actor, user_id)
    if not person.is_active:
        joining.require_place()
        audit.note(actor, "members.reactivate", person.name)
        person.is_active = True
        person.save(update_fields=["is_active"])
    return person


@verb("members.hand_over")
@transaction.atomic
def hand_over(actor: Actor, user_id: int) -> User:
    """Somebody else becomes owner, and oneself an admin: somebody who is active and has a verified address, for the
    organisation's depends on it."""
    held, person = _within_reach(actor, user_id)
    if person.pk == actor.user_id:
        raise Problem(409, "yourself", _("You are an owner already; hand over to somebody else."))
    _require_active(person)
    if not EmailAddress.objects.filter(user=person, verified=True).exists():
        raise Problem(409, "unverified", _("%(name)s has to verify an e-mail address first.") % {"name": person.name})
    audit.note(actor, "members.hand_over", person.name, before=person.role)
    _give(person, Role.OWNER)
    _give(held[actor.user_id], Role.ADMIN)
    return person


@verb("members.leave")
@transaction.atomic
def leave(actor: Actor) -> None:
    """Oneself is out, as if deactivated. The last owner hands over first."""
    held, person = _within_reach(actor, actor.user_id)
    owners.require_another(held, person)
    audit.note(actor, "members.leave", person.name)
    _let_go(person)


def _within_reach(actor: Actor, user_id: int) -> tuple[Held, User]:
    """The locked rows of the owners, and of the person whom the actor may change. What is decided on them is true
    until it commits; who asks is looked at again, for somebody may have been faster."""
    held = owners.hold(actor.user_id, user_id)
    asking, person = held[actor.user_id], held.get(user_id)
    if not asking.is_active or asking.role != actor.role:
        raise Problem(403, "forbidden", _("What you may do has just changed. Load the page again."))
    if person is None:
        raise Problem(404, "not_found", _("There is no such person."))
    if person.role == Role.OWNER and not actor.is_owner:
        raise Problem(403, "forbidden", _("Only owners can change anything about an owner."))
    return held, person


def _known(actor: Actor) -> QuerySet[User]:
    if actor.role != Role.GUEST:
        return User.objects.all()
    known = Q(pk=actor.user_id)
    for _receiver, ids in companions.send(Actor, actor=actor):
        known |= Q(pk__in=ids)
    return User.objects.filter(known)


def _require_active(person: User) -> None:
    if not person.is_active:
        sentence = _("%(name)s is deactivated; reactivate the account first.")
        raise Problem(409, "deactivated", sentence % {"name": person.name})


def _give(person: User, role: str) -> None:
    person.role = role
    person.save(update_fields=["role"])
    if not Role(role).at_least(RIGHTS["invitations.make"].least):
        invitations.void(person)


def _let_go(person: User) -> None:
    person.is_active = False
    person.save(update_fields=["is_active"])
    for session in UserSession.objects.filter(user=person):
        session.end()
    person.tokens.all().delete()
    invitations.void(person)
