"""The life of an organisation: founded by signing up, suspended and resumed, deleted, erased when its grace is over.

Plain functions in the public schema. Each change of state tells control in its own transaction.
"""

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import BoundedSemaphore

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants import addresses, attempts, control, directory, jobs, provisioning
from tenants.directory import Space
from tenants.models import Domain, Organization, ReadySchema, RetiredAddress
from tenants.people import credentials, operators
from tenants.people.adapter import ask_to_verify
from tenants.people.models import Role, User
from tenants.people.names import is_name
from tenants.people.operators import COMMAND_LINE, Operator
from tenants.problems import Problem
from tenants.schema import entered
from tenants.signals import founded

log = logging.getLogger("conclave.organizations")

GRACE = timedelta(days=30)
LETTING_GO = timedelta(seconds=2 * control.INTERVAL)  # by then every process has read that nobody may be in it
RETIRED_FOR = timedelta(days=90)
LONGEST_NAME = 100

# Each hashes a password (80 ms) and may make a schema: more at once would hold up everybody else's requests.
AT_ONCE = 4
_places = BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True, slots=True)
class SignedUp:
    space: Space
    user_id: int
    token: str | None = field(default=None, repr=False)


def sign_up(
    name: str, slug: str, email: str, password: str, *, client: str | None, with_token: bool = False
) -> SignedUp:
    """A new organisation with its owner, whole or not at all. `client`: who asks, None for the installation itself.

    Raises ValidationError by field for bad input, Problem for an address that cannot be had, for too many sign-ups
    from this client or in total, and for too many at this moment. Call it outside a transaction.
    """
    with _one_of_few():
        name, email = name.strip(), email.strip().lower()
        _require_valid(name, email, password)
        addresses.check(slug)
        if client is not None:
            attempts.note(client)
        hashed = make_password(password)  # slow on purpose, so before any row is locked
        with transaction.atomic():
            space = _found(name, slug)
            with entered(space.schema_name):
                owner = _settle(space, email, hashed)
                token = credentials.issue(owner, "sign-up")[1] if with_token else None
            jobs.later(None, provisioning.keep_pool_filled)
        return SignedUp(space, owner.pk, token)


@contextmanager
def _one_of_few() -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Problem(503, "busy", _("Many are signing up at this moment. Try again in a few seconds."), retry_after=2)
    try:
        yield
    finally:
        _places.release()


def _require_valid(name: str, email: str, password: str) -> None:
    wrong: dict[str, list[str]] = {}
    if not is_name(name, LONGEST_NAME):
        wrong["name"] = [_("Write a name of 1 to 100 characters.")]
    try:
        MaxLengthValidator(254)(email)
        validate_email(_storable(email))
    except ValidationError as error:
        wrong["email"] = error.messages
    try:
        validate_password(_storable(password), User(email=email))
    except ValidationError as error:
        wrong["password"] = error.messages
    if wrong:
        raise ValidationError(wrong)


def _storable(text: str) -> str:
    """JSON can spell half a character, which no database stores."""
    if any(unicodedata.category(character) == "Cs" for character in text):
        raise ValidationError(_("This holds a broken character."))
    return text


def _found(name: str, slug: str) -> Space:
    schema = _claimed()
    row = Organization.objects.create(name=name, schema_name=schema.schema_name, version=schema.version)
    try:
        Domain.objects.create(domain=slug, tenant=row, is_primary=True)
    except IntegrityError:
        raise addresses.Unavailable("taken") from None  # somebody was faster, by less than our look at the table
    return directory.space_of(row, slug)


def _claimed() -> ReadySchema:
    try:
        return provisioning.claim()
    except provisioning.NotUpgraded as error:
        log.error("%s", error)  # this sentence is the operator's
        raise Problem(503, "upgrading", _("Conclave is being upgraded. Try again soon."), retry_after=30) from error


def _settle(space: Space, email: str, hashed: str) -> User:
    owner = User.objects.create(email=email, name=email.partition("@")[0][:80], role=Role.OWNER, password=hashed)
    ask_to_verify(EmailAddress.objects.create(user=owner, email=email, primary=True, verified=False))
    founded.send(Space, space=space, user_id=owner.pk)
    return owner


def suspend(slug: str, by: Operator = COMMAND_LINE, reason: str = "") -> None:
    """Nobody gets in, open sockets close, jobs are refused; nothing is lost."""
    with transaction.atomic():
        row = _change(slug, Organization.State.SUSPENDED, among=[Organization.State.ACTIVE])
        operators.note(by, "organizations.suspend", row.name, address=slug, reason=reason)


def resume(slug: str, by: Operator = COMMAND_LINE, reason: str = "") -> None:
    """Takes back a suspension, or a deletion whose grace is not over."""
    with transaction.atomic():
        row = _change(
            slug, Organization.State.ACTIVE, among=[Organization.State.SUSPENDED, Organization.State.DELETING]
        )
        operators.note(by, "organizations.resume", row.name, address=slug, reason=reason)


def delete(slug: str, by: Operator = COMMAND_LINE, reason: str = "", *, at_once: bool = False) -> Organization:
    """Its people are out now; everything of it is erased when its grace is over, which may be at once."""
    among = [Organization.State.ACTIVE, Organization.State.SUSPENDED, Organization.State.DELETING]
    with transaction.atomic():
        row = _change(slug, Organization.State.DELETING, among=among, delete_in=LETTING_GO if at_once else GRACE)
        erased_at = f"{row.delete_after:%Y-%m-%d}"
        operators.note(by, "organizations.delete", row.name, address=slug, reason=reason, erased_at=erased_at)
    return row


def _change(
    slug: str, state: Organization.State, *, among: list[Organization.State], delete_in: timedelta | None = None
) -> Organization:
    with transaction.atomic():
        row: Organization | None = Organization.objects.select_for_update().filter(domains__domain=slug).first()
        if row is None:
            raise Problem(404, "unknown_organization", _("There is no organisation at this address."))
        if row.state not in among:
            raise Problem(409, "wrong_state", _("This organisation is %(state)s.") % {"state": row.state})
        row.state, row.delete_after = state, None if delete_in is None else timezone.now() + delete_in
        row.save(update_fields=["state", "delete_after"])
        control.append(row.key, control.ORGANIZATION)
        return row


@jobs.for_everybody(every="* * * * *")
def erase_due() -> None:
    """Erases the organisations whose grace is over: one per transaction, for each takes a lock per table."""
    due = Organization.objects.filter(state=Organization.State.DELETING, delete_after__lte=timezone.now())
    for pk in list(due.values_list("pk", flat=True)):
        erase(pk)


def erase(pk: int) -> None:
    """Drops everything of an organisation that is due, and keeps its addresses from newcomers for a while."""
    with transaction.atomic(), connection.cursor() as cursor:
        due = Organization.objects.filter(state=Organization.State.DELETING, delete_after__lte=timezone.now())
        row = due.select_for_update().filter(pk=pk).first()
        if row is None:
            return
        cursor.execute(f"DROP SCHEMA IF EXISTS {connection.ops.quote_name(row.schema_name)} CASCADE")
        # Its jobs hold its mail, also those that are done.
        cursor.execute("DELETE FROM procrastinate_jobs WHERE args->>'key' = %s AND status <> 'doing'", [row.key])
        for label in row.domains.exclude(domain__contains=".").values_list("domain", flat=True):
            RetiredAddress.objects.update_or_create(slug=label, defaults={"until": timezone.now() + RETIRED_FOR})
        control.append(row.key, control.ORGANIZATION)
        Organization.objects.filter(pk=pk).delete()
