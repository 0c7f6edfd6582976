"""Those who run the installation speak to organisations (maintenance, say), on the same road as an admin does."""

import secrets
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from realtime.notices import drafts, publishing, told
from realtime.notices.drafts import Draft
from tenants import jobs
from tenants.actor import Actor
from tenants.directory import Space
from tenants.models import Domain, Organization
from tenants.people import operators
from tenants.people.operators import Operator
from tenants.problems import Problem
from tenants.provisioning import schema_version
from tenants.roles import OWNER
from tenants.schema import entered


@transaction.atomic
def announce(by: Operator, draft: Draft, slugs: Sequence[str] | None) -> int:
    """Tell the people of these organisations, or of all that are served (None). A job each; returns how many. Called in
    the public schema. Raises what drafts.good does, and 404 `not_found` for an address where nobody lives."""
    spaces = _chosen(slugs)
    if not spaces:
        raise Problem(422, "nobody", _("There is no organisation to tell."))
    with entered(spaces[0].schema_name):
        drafts.good(hand(_space(spaces[0])), draft)  # so that whoever asks is told what is wrong
    mark = secrets.token_hex(8)
    said = {"message": draft.message, "title": draft.title, "level": draft.level, "needs_ack": draft.needs_ack}
    for each in spaces:
        jobs.later(each.key, tell, origin=mark, said=said)
    whom = ", ".join(slugs) if slugs else _("all organisations")
    operators.note(by, "organizations.announce", whom, title=draft.title or draft.message[:80], level=draft.level)
    return len(spaces)


@jobs.for_tenants
def tell(space: Space, origin: str, said: dict[str, Any]) -> None:
    """Once, however often the job runs: what was made of this origin is made already."""
    publishing.publish(hand(space), Draft(**said), origin=origin)


def hand(space: Space, name: str = told.OPERATORS) -> Actor:
    """Who acts there for those who run the installation: nobody's account, and no way in."""
    return Actor(space, 0, name, OWNER, "", False, "")


def _chosen(slugs: Sequence[str] | None) -> list[Organization]:
    served = Organization.objects.filter(state=Organization.State.ACTIVE, version__gte=schema_version()).order_by("pk")
    if slugs is None:
        return list(served)
    found = {
        domain.domain: domain.tenant
        for domain in Domain.objects.select_related("tenant").filter(domain__in=slugs, tenant__in=served)
    }
    if unknown := [slug for slug in slugs if slug not in found]:
        sentence = _("No organisation that is served lives at: %(those)s.")
        raise Problem(404, "not_found", sentence % {"those": ", ".join(unknown)})
    return list({row.pk: row for row in found.values()}.values())


def _space(row: Organization) -> Space:
    from tenants import directory

    return directory.space_of(row, "")
