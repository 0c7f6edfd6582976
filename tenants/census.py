"""What there is of each organisation: people, tables, bytes. For operators; it looks into each schema it tells of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q

from tenants.models import Organization
from tenants.people.models import User
from tenants.schema import entered


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    slug: str
    name: str
    state: str
    version: int
    created: datetime
    delete_after: datetime | None
    people: int
    tables: int
    bytes: int  # tables, indexes and what is stored beside them


def take() -> Iterator[Entry]:
    """All of them, the oldest first."""
    return _told(list(Organization.objects.prefetch_related("domains").order_by("created_at", "pk")))


def page(*, text: str = "", state: str = "", before: int | None = None, limit: int = 100) -> list[Entry]:
    """The newest first, those older than the organisation `before`; with `text`, those whose name or address holds it.

    It costs as much as the page is long, however many organisations there are.
    """
    found = Organization.objects.prefetch_related("domains").order_by("-pk")
    if before is not None:
        found = found.filter(pk__lt=before)
    if state:
        found = found.filter(state=state)
    if text := text.replace("\0", ""):
        addressed = Organization.objects.filter(domains__domain__icontains=text).values("pk")
        found = found.filter(Q(name__icontains=text) | Q(pk__in=addressed))
    return list(_told(found[:limit]))


def _told(rows: Sequence[Organization]) -> Iterator[Entry]:
    sizes = _sizes([row.schema_name for row in rows])
    for row in rows:
        tables, size = sizes.get(row.schema_name, (0, 0))
        slug = next((domain.domain for domain in row.domains.all() if domain.is_primary), "")
        people = _people(row.schema_name) if tables else 0
        told = (row.pk, slug, row.name, row.state, row.version, row.created_at, row.delete_after)
        yield Entry(*told, people, tables, size)


def _sizes(schema_names: list[str]) -> dict[str, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname, count(*), sum(pg_total_relation_size(c.oid))::bigint"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname = ANY(%s) GROUP BY nspname",
            [schema_names],
        )
        return {schema: (tables, size) for schema, tables, size in cursor.fetchall()}


def _people(schema_name: str) -> int:
    with entered(schema_name):
        return User.objects.filter(is_active=True).count()
