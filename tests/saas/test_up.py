"""`conclave up` as the person at the terminal lives with it."""

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.running import Running


def up(folder, **wish):
    """With a database of its own: the other tests' is left in peace."""
    return Running(folder, {"DATABASE_URL": "", "REDIS_URL": ""} | wish)


def ready(running):
    with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=10) as client:
        return answered(client, "/readyz")


def served(running, token):
    with running.client("acme", token) as client:
        return answered(client, "/api/v1/session")


def answered(client, path):
    """Waits until it is well, again."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        with suppress(httpx.HTTPError):
            if client.get(path).status_code == 200:
                return True
        time.sleep(0.05)
    return False


def logged(running, line):
    patience = time.monotonic() + 60
    while line not in (log := running.log.read_text()):
        assert time.monotonic() < patience, log
        time.sleep(0.05)


def found(running, slug):
    """An organisation signs up; returns its owner's token."""
    wanted = {"name": slug.title(), "slug": slug, "email": f"owner@{slug}.example", "password": "correct horse battery"}
    with running.client() as client:
        answer = client.post("/api/v1/organizations", json=wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


def its_programs(running, command):
    """The pids of its programs with this word in their command line."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if command in Path(f"/proc/{pid}/cmdline").read_text().split("\0")]


def postmaster(folder):
    return folder / "data" / "postgres" / "cluster" / "postmaster.pid"


def closed(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def running(tmp_path):
    started = up(tmp_path, WORKERS="2", LAYER="channels-redis")
    yield started
    started.stop()


def test_what_dies_is_started_again_and_ctrl_c_ends_it_all(running, tmp_path):
    token = found(running, "acme")

    servers = its_programs(running, "serve")
    assert len(servers) == 2
    os.kill(servers[0], signal.SIGKILL)
    logged(running, "server 1 ended with -9; starting it again")
    os.kill(its_programs(running, "worker")[0], signal.SIGKILL)
    logged(running, "worker ended with -9; starting it again")
    os.kill(int(postmaster(tmp_path).read_text().split()[0]), signal.SIGKILL)
    logged(running, "PostgreSQL does not answer; starting it again")
    assert ready(running)
    assert served(running, token)

    running.stop()
    assert running.process.returncode == 0
    assert closed(running.port)
    assert not postmaster(tmp_path).exists()
    assert running.log.read_text().endswith("Stopped.\n")


def test_a_killed_run_does_not_keep_the_next_from_starting_and_nothing_is_lost(tmp_path):
    killed = up(tmp_path)
    token, secret = found(killed, "acme"), tmp_path / "data" / "secret"
    first = secret.read_text()
    assert len(first) >= 40
    assert all(path.stat().st_mode & 0o077 == 0 for path in (secret, tmp_path / "data" / "mail"))
    killed.process.kill()
    killed.process.wait()

    again = up(tmp_path, PORT=str(killed.port))
    again.port = killed.port
    assert served(again, token)
    assert secret.read_text() == first
    again.stop()
    assert closed(killed.port)
    assert not postmaster(tmp_path).exists()


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
def test_on_a_layer_of_one_process_the_server_sends_the_mail(tmp_path, server):
    running = up(tmp_path, LAYER="memory", SERVER=server)
    found(running, "acme")
    assert not its_programs(running, "worker")
    patience = time.monotonic() + 60
    while not httpx.get(f"{running.mailbox_url}/messages.json?to=owner@acme.example").json()["messages"]:
        assert time.monotonic() < patience, running.log.read_text()
        time.sleep(0.1)
    running.stop()
    assert running.process.returncode == 0
