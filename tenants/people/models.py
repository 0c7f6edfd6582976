"""People of one organisation (and, in the public schema, the operators): accounts, tokens, invitations, settings."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now

from tenants.roles import Role as Role


class People(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person in one organisation. The same human elsewhere is another row in another schema."""

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    is_active = models.BooleanField(default=True)
    shows_presence = models.BooleanField(default=True, db_default=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[People] = People()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="people_user_email_once")]

    def get_full_name(self) -> str:
        return self.name


class Token(models.Model):
    """A bearer token of a person, stored as SHA-256 of its random 160 bits."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    reads_only = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()


class Invitation(models.Model):
    """Lets somebody join: whoever holds the link, or with `email` the one person it was mailed to."""

    token_hash = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    made_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True)
    email = models.EmailField(max_length=254, blank=True, default="", db_default="")  # lower case; empty: by link
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER, db_default=Role.MEMBER)
    rooms = ArrayField(models.CharField(max_length=60), default=list, db_default=models.Value([]))  # addresses
    expires_at = models.DateTimeField(null=True)  # None: never
    most_uses = models.PositiveIntegerField(null=True)  # None: any number
    uses = models.PositiveIntegerField(default=0, db_default=0)


class Settings(models.Model):
    """What an organisation has decided for itself, in one row; its name is in public. See tenants.people.settings."""

    time_zone = models.CharField(max_length=60, default="UTC")
    default_rooms = ArrayField(models.CharField(max_length=60), default=list)  # addresses that newcomers are put in
    email_domains = ArrayField(models.CharField(max_length=253), default=list)  # newcomers' addresses; empty: any
    requires_second_factor = models.BooleanField(default=False)
    logo = models.BinaryField(null=True)  # PNG, drawn anew from what was uploaded
    logo_mark = models.CharField(max_length=16, blank=True)  # of its content, for its address


class AuditEntry(models.Model):
    """One line of the audit log. In the public schema: of the operators'."""

    at = models.DateTimeField(db_default=Now(), db_index=True)
    who = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=80)  # as it was then
    what = models.CharField(max_length=40)  # a verb
    whom = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    client_address = models.CharField(max_length=64, blank=True)


class Answer(models.Model):
    """What a request with an Idempotency-Key was answered, for a repetition of it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of method, path and body
    status = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=60)
    body = models.TextField()
    at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "key"], name="people_answer_once")]


class CacheRow(models.Model):
    """Django's database cache: its throttles are rows of the organisation's own schema."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "people_cache"
