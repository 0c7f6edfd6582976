"""Second factors: who has one, and what is open to somebody who has to make one first."""

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef

from tenants.actor import Actor
from tenants.people.models import Settings, User
from tenants.problems import Problem

# Recovery codes are none: they stand in for one of these.
KINDS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)

CODE = "second_factor_required"
SENTENCE = "This organisation requires a second factor. Sign in on its pages and set one up."

# Pages for somebody who has to make one: making it (which takes a verified address and the password), and going away.
OPEN = frozenset(
    {
        "account_login",
        "account_logout",
        "account_reauthenticate",
        "account_email",
        "account_email_verification_sent",
        "account_confirm_email",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "arrive",
        "logo",
    }
)

MISSING = Exists(Settings.objects.filter(requires_second_factor=True)) & ~Exists(
    Authenticator.objects.filter(user=OuterRef("pk"), type__in=KINDS)
)
"""A condition on people: the organisation requires a second factor of them, and they have none."""


def has_one(user_id: int) -> bool:
    return bool(Authenticator.objects.filter(user_id=user_id, type__in=KINDS).exists())


def is_last(authenticator: Authenticator) -> bool:
    others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=KINDS).exclude(pk=authenticator.pk)
    return authenticator.type in KINDS and not bool(others.exists())


def are_missing() -> set[int]:
    """Everybody in this organisation who has to make one."""
    return set(User.objects.filter(MISSING).values_list("pk", flat=True))


def is_open(page: str) -> bool:
    """May somebody who has to make one see the page of this name?"""
    return page.startswith("mfa_") or page in OPEN


def require_enrolled(actor: Actor) -> None:
    """Raises the problem 403 `second_factor_required` for whoever has to make one first."""
    if actor.must_enroll:
        raise Problem(403, CODE, SENTENCE)
