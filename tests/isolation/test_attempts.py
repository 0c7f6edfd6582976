"""With every guard in place, each attempt fails."""

import pytest

from tests.isolation.attempts import ATTEMPTS, Attempt
from tests.isolation.site import Ring


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.__name__)
async def test_an_attempt_fails(ring: Ring, attempt: Attempt) -> None:
    await attempt(ring)
