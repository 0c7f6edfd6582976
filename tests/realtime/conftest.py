"""What tests of realtime share beside the cast."""

import pytest

from realtime import events
from realtime.ring import Ring
from realtime.sends import Sender, Writes


@pytest.fixture
def layer_let_go() -> None:
    """For tests that put another layer in the place of the usual one: what tests before them have told through it from
    this process has left sessions open, which would be lost with it."""
    events.close()


@pytest.fixture(params=["io_uring", "writes"])
def sender(request: pytest.FixtureRequest) -> Sender:
    if request.param == "writes":
        return Writes()
    try:
        return Ring()
    except OSError as error:
        pytest.skip(f"no io_uring here: {error}")
