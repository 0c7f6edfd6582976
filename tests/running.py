"""Conclave, started as its users start it, in processes of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

READY_WITHIN = 90.0  # seconds
ROOT = Path(__file__).resolve().parent.parent


class Site:
    """Where a server listens, and how to speak to one host of it."""

    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def host(self, slug: str) -> str:
        return f"{slug}.localhost:{self.port}"

    def client(self, slug: str | None = None, token: str | None = None, **options: object) -> httpx.Client:
        """An HTTP client for an organisation's host, or for the public one; with a token, as its bearer."""
        headers = {"Host": self.host(slug) if slug else f"localhost:{self.port}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=60, **options)  # type: ignore[arg-type]


class Running(Site):
    """`conclave up` on a free port. `wish`: what else it is to be like, as make up takes it."""

    def __init__(self, folder: Path, wish: dict[str, str]) -> None:
        self.port, self.layer = free_port(), wish.get("LAYER", "postgres")
        self.log = folder / "log"
        given = {"PORT": str(self.port), "DATA": str(folder / "data"), "DEMO": "0", "CONCLAVE_OPS_BIND": "127.0.0.1:0"}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CONCLAVE_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=clean | {"CONCLAVE_POOL_SIZE": "3"} | given | wish,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_ready()

    @property
    def mailbox_url(self) -> str:
        line = next(line for line in self.log.read_text().splitlines() if "every mail that is sent" in line)
        return line.split()[0].rstrip("/")

    @property
    def said(self) -> str:
        """What the servers wrote. Not the worker: it finds jobs of other tests, whose tasks it does not know."""
        return "\n".join(line for line in self.log.read_text().splitlines() if not line.startswith("worker |"))

    def server_processes(self) -> list[int]:
        """The pids of those that answer browsers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in children if "serve" in _command_of(pid)]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def _wait_until_ready(self) -> None:
        patience = time.monotonic() + READY_WITHIN
        while b"Conclave is ready" not in self.log.read_bytes():
            if self.process.poll() is not None or time.monotonic() > patience:
                self.stop()
                raise RuntimeError(f"Conclave did not start:\n{self.log.read_text()}")
            time.sleep(0.05)


def _command_of(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:  # it has just ended
        return []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
