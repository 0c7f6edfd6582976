"""What tests of realtime share beside the cast."""

import pytest

from realtime import events


@pytest.fixture
def layer_let_go() -> None:
    """For tests that put another layer in the place of the usual one: what tests before them have told through it from
    this process has left sessions open, which would be lost with it."""
    events.close()
