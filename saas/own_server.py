"""A server of one's own for a measurement or a tour: what `conclave up` starts, on data that is thrown away."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.local import Postgres
from infra.place import CannotStart
from saas.around import is_ready, port_of, stand_in
from saas.server import CONCLAVE, HOME

READY_TAKES_AT_MOST = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Own:
    url: str  # of its public site
    database_url: str
    pid: int  # of the supervisor
    environment: Mapping[str, str]
    """For commands that work beside it."""
    postgres: Postgres


@contextmanager
def server_of_its_own(**wish: str) -> Iterator[Own]:
    """Runs while the block runs. `wish`: parameters of `conclave up`."""
    print("Starting a server", file=sys.stderr)
    with TemporaryDirectory(prefix="conclave-own-") as folder, Postgres(Path(folder, "postgres")) as postgres:
        with stand_in(0) as free:
            port = port_of(free)
        where = {"PORT": str(port), "DATA": folder, "HOST": "localhost", "DATABASE_URL": postgres.url}
        wish = {"LIMITS": "unlimited"} | wish | where
        with Path(folder, "log").open("wb") as log:
            command = [*CONCLAVE, "up"]
            server = subprocess.Popen(command, env=os.environ | HOME | wish, stdout=log, stderr=log)
        try:
            _wait_until_ready(server, port, Path(folder, "log"))
            url, secret = f"http://localhost:{port}", Path(folder, "secret").read_text()
            settings = {"CONCLAVE_URL": url, "CONCLAVE_SECRET_KEY": secret, "DATABASE_URL": postgres.url}
            yield Own(url, postgres.url, server.pid, os.environ | HOME | settings, postgres)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    patience = time.monotonic() + READY_TAKES_AT_MOST
    while not is_ready(port):
        if server.poll() is not None or time.monotonic() > patience:
            lines = log.read_text().splitlines()
            raise CannotStart(f"The server did not start: {lines[-1] if lines else 'it said nothing'}")
        time.sleep(0.1)
