"""Find my workspaces: which organisations an address has an account in, told by mail to that address alone.

The directory, public.tenants_workspace, holds no address but a mark of it: HMAC-SHA-256 under the installation's
secret. It is kept in the transaction that changes what it tells: verified addresses of active people, and nothing else.
"""

from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from django.utils.crypto import salted_hmac

from tenants import directory, jobs
from tenants.directory import Space
from tenants.models import Domain, Organization, Workspace
from tenants.people.adapter import write_to
from tenants.people.models import User
from tenants.schema import current_key


@jobs.for_everybody()
def tell(email: str) -> None:
    """Mails the list to its address. Strangers get no mail. Who asked has been answered long before, in any case
    the same."""
    if spaces := spaces_of(email):
        write_to(email, "tenants/mail/workspaces", spaces=spaces)


def spaces_of(email: str) -> list[Space]:
    """Where this address has an account, in the public schema. Organisations that are being deleted are gone."""
    found = Workspace.objects.filter(address_mark__in=marks(email)).values("organization")
    rows = Domain.objects.select_related("tenant").filter(tenant__in=found, is_primary=True)
    rows = rows.exclude(tenant__state=Organization.State.DELETING).order_by("tenant__name", "pk")
    return [directory.space_of(row.tenant, row.domain) for row in rows]


def marks(email: str) -> list[str]:
    """What stands for this address, under the secret of now first, then under those of before."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    address = email.strip().lower()
    return [salted_hmac(__name__, address, secret=secret, algorithm="sha256").hexdigest() for secret in secrets]


def gather() -> None:
    """Write down everybody of the schema that we are in: for organisations that are older than the directory, or than
    its secret."""
    _enter([marks(email)[0] for email in _found_here().values_list("email", flat=True)])


@receiver(pre_save, sender=EmailAddress)
def address_changing(instance: EmailAddress, **_: Any) -> None:
    """An address that is written over is looked at as well, once that has happened."""
    instance.before = EmailAddress.objects.filter(pk=instance.pk).values_list("email", flat=True).first()


@receiver(post_save, sender=EmailAddress)
@receiver(post_delete, sender=EmailAddress)
def address_changed(instance: EmailAddress, **_: Any) -> None:
    _look_at({instance.email, getattr(instance, "before", None) or instance.email})


@receiver(post_save, sender=User)
def person_changed(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    if not created and (update_fields is None or "is_active" in update_fields):
        _look_at(set(EmailAddress.objects.filter(user=instance).values_list("email", flat=True)))


def _look_at(emails: set[str]) -> None:
    """Make the directory say of these addresses what is true in the organisation that we are in, if it is one."""
    if current_key() is None:
        return
    for email in emails:
        if _found_here().filter(email__iexact=email).exists():
            _enter(marks(email)[:1])
        else:
            _strike(marks(email))


def _found_here() -> Any:
    return EmailAddress.objects.filter(verified=True, user__is_active=True)


def _enter(found: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.tenants_workspace (address_mark, organization_id)"
            " SELECT unnest(%s::text[]), id FROM public.tenants_organization WHERE schema_name = current_schema()"
            " ON CONFLICT DO NOTHING",
            [found],
        )


def _strike(gone: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM public.tenants_workspace place USING public.tenants_organization organization"
            " WHERE place.organization_id = organization.id AND organization.schema_name = current_schema()"
            " AND place.address_mark = ANY(%s)",
            [gone],
        )
