from collections.abc import Iterator

import pytest

from tests.isolation.site import Here, Ring, furnished


@pytest.fixture(scope="package")
def ring(database: str) -> Iterator[Ring]:
    """The stage is proved first: both organisations are furnished alike, and each can be heard by its own people."""
    with Here().serving() as site:
        yield Ring(site, furnished("acme", "alice"), furnished("globex", "mallory"))
