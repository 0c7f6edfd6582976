"""One's own profile: what one is called, and whether others see that one is here."""

from django.db import transaction
from django.utils.translation import gettext as _

from tenants.actor import Actor
from tenants.people.models import User
from tenants.people.names import is_name
from tenants.problems import Problem
from tenants.roles import verb


@verb("profile.change")
@transaction.atomic
def change(actor: Actor, *, name: str | None = None, shows_presence: bool | None = None) -> User:
    """What is None stays as it is. Open sockets go on as the changed person within two seconds."""
    person = User.objects.select_for_update(no_key=True).get(pk=actor.user_id)
    if name is not None:
        person.name = name.strip()
        if not is_name(person.name):
            raise Problem(422, "invalid", _("Write a name of 1 to 80 characters."))
    if shows_presence is not None:
        person.shows_presence = shows_presence
    person.save(update_fields=["name", "shows_presence"])
    return person
