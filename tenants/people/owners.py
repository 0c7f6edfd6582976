"""An organisation always has an active owner: whoever changes who is, or lets somebody in, holds the owners' rows."""

from django.db.models import Q
from django.utils.translation import gettext as _

from tenants.people.models import Role, User
from tenants.problems import Problem

Held = dict[int, User]

LOOKS = 3


def hold(*others: int) -> Held:
    """The rows of all owners and of these people, locked in one order until the transaction ends: those who need them
    come one after the other."""
    wanted = User.objects.select_for_update(no_key=True).filter(Q(role=Role.OWNER) | Q(pk__in=others)).order_by("pk")
    for _look in range(LOOKS):
        held = {person.pk: person for person in wanted.all()}
        if _owners(held):
            break  # else it was handed over while we waited: the new owner is in the next look only
    return held


def require_another(held: Held, person: User) -> None:
    """Raises 409 `last_owner` if this person is the only active owner."""
    if _owners(held) == [person]:
        sentence = _("The organisation needs an owner. Hand it over, or make somebody else an owner first.")
        raise Problem(409, "last_owner", sentence)


def _owners(held: Held) -> list[User]:
    return [person for person in held.values() if person.role == Role.OWNER and person.is_active]
