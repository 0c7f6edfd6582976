from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.isolation.site import Ring


@pytest.fixture(scope="package")
def ring(database: str) -> Iterator["Ring"]:
    """The stage is proved first: both organisations are furnished alike, and each can be heard by its own people."""
    from tests.isolation.site import Here, Ring, furnished  # not before Django is set up

    with Here().serving() as site:
        yield Ring(site, furnished("acme", "alice"), furnished("globex", "mallory"))
