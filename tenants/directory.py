"""Host names → organisations. Held in the process; control drops what has changed."""

from dataclasses import dataclass

from django.conf import settings

from tenants import control
from tenants.models import Domain, Organization
from tenants.schema import in_public


@dataclass(frozen=True, slots=True)
class Space:
    """What the process holds of an organisation: who it is and whether it may be served."""

    id: int
    key: str
    name: str
    address: str  # its label under the base domain, or a whole host name of its own
    state: str
    epoch: str
    version: int

    @property
    def schema_name(self) -> str:
        return f"o_{self.key}"

    @property
    def slug(self) -> str:
        return self.address

    @property
    def host(self) -> str:
        return self.address if "." in self.address else f"{self.address}.{settings.BASE_DOMAIN}"

    @property
    def url(self) -> str:
        """Built from the Domain row and the settings, never from a request."""
        return f"{settings.PUBLIC.scheme}://{self.host}{settings.PORT_SUFFIX}"


_spaces: dict[str, Space] = {}
_generation = 0  # a look-up that began before a change must not be remembered after it


async def find(host: str) -> Space | None:
    """The organisation at this host name (lower case, without port), in whatever state. None: nobody lives there.

    The unknown are not remembered: a new organisation is found at once.
    """
    held = _spaces.get(host)
    if held is not None and control.fresh():
        return held
    began = _generation
    space = await in_public(look_up, host)
    if space is not None and began == _generation:
        _spaces[host] = space
    return space


def look_up(host: str) -> Space | None:
    address = host.removesuffix(f".{settings.BASE_DOMAIN}")
    if (address == host) != ("." in address):
        return None  # a bare label is an address under the base domain only, a whole host name only by itself
    domain = Domain.objects.select_related("tenant").filter(domain=address).first()
    return space_of(domain.tenant, address) if domain else None


def by_key(key: str) -> Space | None:
    """The organisation of this key, at its primary address. In the public schema."""
    domain = (
        Domain.objects.select_related("tenant").filter(tenant__schema_name=f"o_{key}").order_by("-is_primary").first()
    )
    return space_of(domain.tenant, domain.domain) if domain else None


def space_of(row: Organization, address: str) -> Space:
    return Space(row.pk, row.key, row.name, address, row.state, row.epoch, row.version)


def _forget(change: control.Change) -> None:
    global _generation
    if change.what == control.ORGANIZATION:
        _generation += 1
        for host in [host for host, space in _spaces.items() if space.key == change.key]:
            del _spaces[host]


control.listen(_forget)
