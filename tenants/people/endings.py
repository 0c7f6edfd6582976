"""Whatever ends a session, a token or a person's standing tells control, in the same transaction, by itself."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from tenants import control
from tenants.people.credentials import digest
from tenants.people.models import Token, User
from tenants.schema import current_key


@receiver(post_delete, sender=Session)
def session_ended(instance: Session, **_: Any) -> None:
    """Not those of visitors. What this process cannot read, because it has another secret than the one that wrote it,
    may have let somebody in."""
    held = instance.get_decoded()
    if (key := current_key()) and (not held or "_auth_user_id" in held):
        control.append(key, control.CREDENTIAL, digest(instance.session_key))


@receiver(post_delete, sender=Token)
def token_ended(instance: Token, **_: Any) -> None:
    if key := current_key():
        control.append(key, control.CREDENTIAL, instance.token_hash)


@receiver(post_save, sender=User)
def person_changed(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    """Role, password, activity, name: everything but the note of the last sign-in."""
    if created or update_fields == frozenset(["last_login"]):
        return
    if key := current_key():
        control.append(key, control.PERSON, str(instance.pk))


@receiver(post_delete, sender=Authenticator)
def second_factor_removed(instance: Authenticator, **_: Any) -> None:
    """Whoever has to have one, and has none any more, looks again."""
    if key := current_key():
        control.append(key, control.PERSON, str(instance.user_id))


@receiver(post_save, sender=EmailAddress)
@receiver(post_delete, sender=EmailAddress)
def address_changed(instance: EmailAddress, created: bool = False, **_: Any) -> None:
    """Verified, or no longer there: what needs a verified address looks again."""
    if not created and (key := current_key()):
        control.append(key, control.PERSON, str(instance.user_id))
