import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import Valkey
from infra.supervisor import GaveUp, Program, Supervisor

ROOT = Path(__file__).parents[2]


class EnoughError(Exception):
    """The test has seen what it came for."""


class Heard:
    """What the supervisor said, and a way to wait for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    async def times(self, count: int, start: str) -> list[str]:
        while len(found := [line for line in self.lines if line.startswith(start)]) < count:
            await asyncio.wait_for(self._news.wait(), 30)
            self._news.clear()
        return found


def python(name, code, *inherits):
    return Program(name, (sys.executable, "-uc", code), os.environ, inherits)


def supervise(program, then, servers=None):
    heard = Heard()

    async def story():
        await then(heard)
        raise EnoughError

    with pytest.raises(EnoughError):
        asyncio.run(Supervisor(heard).run([program], servers or {}, story))
    return heard


def test_a_killed_program_is_started_again():
    async def kill_it_once(heard):
        [line] = await heard.times(1, "sleeper | ")
        os.kill(int(line.split()[-1]), signal.SIGKILL)
        await heard.times(2, "sleeper | ")

    heard = supervise(python("sleeper", "import os, time; print(os.getpid()); time.sleep(600)"), kill_it_once)
    assert "sleeper ended with -9; starting it again" in heard.lines


def test_five_deaths_in_a_minute_end_it_with_a_sentence():
    heard = Heard()
    hopeless = python("hopeless", "print('no'); raise SystemExit(3)")
    with pytest.raises(GaveUp, match=r"^hopeless died 5 times within a minute; the lines above say why\.$"):
        asyncio.run(Supervisor(heard).run([hopeless], {}, lambda: asyncio.sleep(0)))
    assert heard.lines.count("hopeless | no") == 5
    assert heard.lines.count("hopeless ended with 3; starting it again") == 4


def test_the_listening_socket_outlives_the_program():
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    greet = f"import os, socket; c, _ = socket.socket(fileno={listening.fileno()}).accept(); c.send(b'hi'); os._exit(0)"

    async def greeted_by_three(heard):
        for _ in range(3):
            reader, writer = await asyncio.open_connection(*address)
            assert await reader.read() == b"hi"
            writer.close()

    supervise(python("greeter", greet, listening), greeted_by_three)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_a_server_that_stops_answering_is_started_again(tmp_path):
    with Valkey(tmp_path) as valkey:

        async def kill_it(heard):
            await heard.times(1, "idle | ")
            os.kill(valkey._process.pid, signal.SIGKILL)
            await heard.times(1, "Valkey does not answer; starting it again")
            while not valkey.answers():
                await asyncio.sleep(0.05)

        supervise(python("idle", "import time; print('here'); time.sleep(600)"), kill_it, {"Valkey": valkey})


SUPERVISE = """
import asyncio, os, sys
from infra.supervisor import Program, Supervisor
hold = '''
import fcntl, sys, time
from infra.supervisor import follow_parent
follow_parent()
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held")
time.sleep(600)
'''
holder = Program("holder", (sys.executable, "-uc", hold, sys.argv[1]), os.environ)
asyncio.run(Supervisor(lambda line: print(line, flush=True)).run([holder], {}, lambda: asyncio.sleep(0)))
"""


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_however_it_ends_so_do_its_programs_and_nobody_else(tmp_path, number, code):
    bystander = subprocess.Popen(["sleep", "600"])
    run = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, tmp_path / "lock"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert run.stdout.readline() == "holder | held\n"
        run.send_signal(number)
        assert run.wait(30) == code
        with (tmp_path / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # granted when the holder is gone
        assert bystander.poll() is None
    finally:
        for process in (run, bystander):
            process.kill()
            process.wait()
        run.stdout.close()
