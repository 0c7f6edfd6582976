"""Where attempts are written down."""

from collections.abc import Awaitable, Callable

from tests.isolation.site import Ring

Attempt = Callable[[Ring], Awaitable[None]]
ATTEMPTS: list[Attempt] = []


def attempt(tried: Attempt) -> Attempt:
    ATTEMPTS.append(tried)
    return tried
