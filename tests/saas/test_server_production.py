"""`conclave serve` and `conclave worker`, as an installation runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg

from tests.saas.test_cli_refusals import GOOD, free_port

ROOT = Path(__file__).parents[2]


def conclave(database, *arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONCLAVE_")}
    return subprocess.Popen(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=clean | GOOD | {"DATABASE_URL": database} | environment,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def is_ready(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200
    except httpx.HTTPError:
        return False


def until(seen, process):
    patience = time.monotonic() + 90
    while not seen():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_several_server_processes_share_an_address_and_stop_together(database):
    port = free_port()
    serving = conclave(database, "serve", "--bind", f"127.0.0.1:{port}", "--drain", "0", CONCLAVE_WORKERS="2")
    until(lambda: is_ready(port), serving)
    children = Path(f"/proc/{serving.pid}/task/{serving.pid}/children")
    assert len(children.read_text().split()) == 2
    serving.send_signal(signal.SIGTERM)
    said, _ = serving.communicate(timeout=60)
    assert serving.returncode == 0
    assert "Traceback" not in said
    with socket.socket() as connection:
        assert connection.connect_ex(("127.0.0.1", port)) != 0


def test_the_worker_ends_well_when_asked(database):
    working = conclave(database, "worker")
    with psycopg.connect(database, autocommit=True) as connection:
        before = connection.execute("SELECT max(id) FROM public.procrastinate_workers").fetchone()
        until(
            lambda: connection.execute("SELECT max(id) FROM public.procrastinate_workers").fetchone() != before, working
        )
    working.send_signal(signal.SIGTERM)
    said, _ = working.communicate(timeout=60)
    assert working.returncode == 0
    assert "Traceback" not in said
