import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.timeout(600)
def test_channels_postgres_does_what_it_declares() -> None:
    """In a process of its own: its module can be imported only where Django has it installed."""
    suite = [str(HERE / name) for name in ("test_layers.py", "test_lives.py", "test_tenant.py")]
    options = ["-q", "-c", os.devnull, "--rootdir", str(HERE.parent.parent), "--confcutdir", str(HERE)]
    plugins = ["-p", "no:django", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *plugins, *suite],
        env=environment | {"CONTRACT_OF": "channels-postgres"},
        cwd=HERE.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
