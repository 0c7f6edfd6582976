"""The tables of the public schema: which organisations there are, and what the processes tell each other about them."""

import secrets
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django_tenants.models import DomainMixin, TenantMixin

KEY_LENGTH = 10
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def new_key(length: int = KEY_LENGTH) -> str:
    """`length` random base32 characters: 5 bits each, safe in schema names, group names and addresses."""
    return "".join(secrets.choice(_BASE32) for _ in range(length))


class Organization(TenantMixin):
    """One isolated space. Its schema's name is opaque, never changes, and is never used again."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        DELETING = "deleting"  # its people are out; dropped by a job when the grace period is over

    auto_create_schema: ClassVar[bool] = False
    auto_drop_schema: ClassVar[bool] = False

    name = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    epoch = models.CharField(max_length=10, default=new_key)  # renewed when restored from a backup: numbers start anew
    version = models.PositiveIntegerField()  # of its schema: migrations applied (tenants.provisioning.schema_version)
    created_at = models.DateTimeField(db_default=Now())
    delete_after = models.DateTimeField(null=True)

    @property
    def key(self) -> str:
        return str(self.schema_name)[2:]


class Domain(DomainMixin):
    """An address: a bare label (`acme`) under the base domain, or a whole host name of the organisation's own."""


class RetiredAddress(models.Model):
    """The address of a deleted organisation, kept from newcomers so that old links and cookies find nobody else."""

    slug = models.CharField(max_length=40, primary_key=True)
    until = models.DateTimeField()


class ReadySchema(models.Model):
    """A schema of the warm pool: made, empty, nobody's. Signing up claims one by deleting its row."""

    schema_name = models.CharField(max_length=63, primary_key=True)
    version = models.PositiveIntegerField()
    made_at = models.DateTimeField(db_default=Now())


class Blueprint(models.Model):
    """The statements that make an organisation's schema of one version, dumped from the migrated template."""

    version = models.PositiveIntegerField(primary_key=True)
    sql = models.TextField()


class SignUpAttempt(models.Model):
    """One try to sign up, for the limits per client address and in total."""

    client = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now(), db_index=True)


class Ticket(models.Model):
    """A one-time pass from the sign-up page into the new space: worth one sign-in, for 60 seconds, in one browser."""

    token_hash = models.CharField(max_length=64, primary_key=True)
    cookie_hash = models.CharField(max_length=64)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    user_id = models.BigIntegerField()
    expires_at = models.DateTimeField()


class Workspace(models.Model):
    """Somebody with this address has an account in this organisation: for those who look for their workspaces.

    The address itself is in the organisation's schema only; here it is HMAC-SHA-256 under the installation's secret.
    """

    address_mark = models.CharField(max_length=64)
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, db_index=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["address_mark", "organization"], name="tenants_workspace_once")
        ]


class Control(models.Model):
    """`subject` of this organisation has changed: whoever holds anything of it looks again. See tenants.control."""

    at = models.DateTimeField(db_default=models.Func(function="clock_timestamp"), db_index=True)
    key = models.CharField(max_length=KEY_LENGTH)
    what = models.CharField(max_length=20)
    subject = models.CharField(max_length=100, default="")
