"""Conclave with something altered, in a process of its own: `python -m` a module of the tests that calls `serve`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from tests.running import READY_WITHIN, ROOT, Site, free_port


class Altered(Site):
    def __init__(self, module: str, folder: Path, **environment: str) -> None:
        self.port, self.log = free_port(), folder / "log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CONCLAVE_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=ROOT,
                env=clean | {"ALTERED_PORT": str(self.port)} | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        patience = time.monotonic() + READY_WITHIN
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > patience:
                self.__exit__()
                raise RuntimeError(f"{self.process.args!r} did not start:\n{self.said}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def _is_ready(self) -> bool:
        try:
            with self.client() as http:
                return http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


def serve(application: object) -> None:
    """In that process: serve, until asked to end."""
    from saas import server

    server.run_uvicorn(application, server.listen(f"127.0.0.1:{os.environ['ALTERED_PORT']}"), drain=0.0)
