"""Each guard is taken out in turn, and some attempt must then succeed: proof that the suite would notice."""

import pytest

from tests.isolation.attempts import ATTEMPTS
from tests.isolation.guards import GUARDS, Guard
from tests.isolation.site import Ring

NOTICED: dict[str, str] = {}


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
async def test_a_missing_guard_is_noticed(ring: Ring, guard: Guard) -> None:
    in_order = sorted(ATTEMPTS, key=lambda attempt: attempt.__name__ != guard.noticed_by)
    with guard.removed():
        for attempt in in_order:
            try:
                await attempt(ring)
            except (Exception, pytest.fail.Exception):
                NOTICED[guard.name] = attempt.__name__
                break
    assert guard.name in NOTICED, f"nobody noticed that this guard was gone: {guard.name}"


def test_every_guard_is_listed_with_what_noticed_it() -> None:
    for guard, attempt in NOTICED.items():
        print(f"{guard:45} → {attempt}")
    assert NOTICED, "this test stands at the end of the mutation run"
