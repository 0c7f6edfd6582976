from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_is_held_in_this_process() -> Iterator[None]:
    """Some tests read control here; after them nobody does, and what is held of organisations would grow old."""
    yield
    from tenants import control, directory  # not before Django is set up

    control._last_reading = float("-inf")
    directory._spaces.clear()
