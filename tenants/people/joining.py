"""Joining: accepting an invitation, with a new account."""

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tenants.directory import Space
from tenants.people import invitations, owners
from tenants.people.adapter import ask_to_verify
from tenants.people.credentials import digest
from tenants.people.models import Invitation, Role, User
from tenants.people.names import is_name
from tenants.problems import Problem
from tenants.signals import joined

UNPROVEN_PEOPLE = 3  # how many an organisation may have until its owner has proved an address


def find(secret: str, *, lock: bool = False) -> Invitation:
    """The invitation with this secret, if it still lets somebody in."""
    usable = invitations.usable().filter(token_hash=digest(secret))
    invitation = (usable.select_for_update(of=("self",)) if lock else usable).first()
    if invitation is None:
        raise Problem(404, "bad_link", _("This invitation does not work any more. Ask for a new one."))
    return invitation


def join(space: Space, secret: str, name: str, email: str, password: str) -> User:
    """A new person with the role and the rooms of the invitation, all or nothing.

    One that was mailed is for its own address, whatever `email` says, and proves it: the secret came there. By a link
    the address is still to be verified. Bad input raises ValidationError by field. That an address is taken is told
    to holders of a good invitation only.
    """
    email = find(secret).email or email.strip().lower()
    user = _checked(User(name=name.strip(), email=email), password)
    user.password = make_password(password)  # slow on purpose, so before any row is locked
    with transaction.atomic():
        require_place()
        invitation = _used(secret)
        user.role = invitation.role
        _add(user, proved=bool(invitation.email))
        joined.send(Space, space=space, user_id=user.pk, rooms=invitation.rooms)
    return user


def require_place() -> None:
    """Raises 403 `unverified` if no owner has proved an address and there are as many people as there may be then."""
    held = owners.hold()
    if EmailAddress.objects.filter(user__in=held, user__role=Role.OWNER, verified=True).exists():
        return
    if User.objects.filter(is_active=True).count() >= UNPROVEN_PEOPLE:
        raise Problem(
            403, "unverified", _("More can join once the owner of this space has verified an e-mail address.")
        )


def _used(secret: str) -> Invitation:
    """The invitation with one use more. Its row is locked: of two who take the last use at once, one is too late."""
    invitation = find(secret, lock=True)
    invitation.uses += 1
    invitation.save(update_fields=["uses"])
    return invitation


def _checked(user: User, password: str) -> User:
    wrong: dict[str, list[str]] = {}
    if not is_name(user.name):
        wrong["name"] = [_("Write a name of 1 to 80 characters.")]
    try:
        validate_email(user.email)
        invitations.require_domain(user.email)
    except ValidationError as error:
        wrong["email"] = error.messages
    try:
        validate_password(password, user)
    except ValidationError as error:
        wrong["password"] = error.messages
    if wrong:
        raise ValidationError(wrong)
    return user


def _add(user: User, *, proved: bool) -> None:
    taken = Problem(409, "already_member", _("Somebody here has this address. If it is yours, sign in instead."))
    if EmailAddress.objects.filter(email__iexact=user.email, verified=True).exists():
        raise taken
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        raise taken from None
    address = EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=proved)
    if not proved:
        ask_to_verify(address)
