"""An installation for each layer that reaches other processes, with two server processes and a broker that the tests
may break."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from realtime.layers import LAYERS

if TYPE_CHECKING:
    from tests.chaos.installation import Installation
    from tests.conftest import Servers

REACHING = [name for name, layer in LAYERS.items() if not layer.single_process]


@pytest.fixture(scope="package", params=REACHING)
def installation(
    servers: "Servers", request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Installation"]:
    from tests.chaos.installation import Installation  # not before Django is set up

    with Installation.of(request.param, servers.database, tmp_path_factory) as installation:
        yield installation
