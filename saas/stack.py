"""What `conclave bench` measures, started as users start it: an installation with organisations in it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis

from benchmarks.processes import Roots, tree, words
from benchmarks.scenario import Scenario
from infra.local import Postgres, Valkey
from infra.place import CannotStart
from realtime.layers import LAYERS
from saas.around import is_ready, port_of, stand_in
from saas.own_server import Own, server_of_its_own

PEOPLE = 100  # of an organisation; where there are more sockets, people have several
REPLACING_TAKES_AT_MOST = 60.0  # seconds


@dataclass
class Stack:
    url: str
    roster: Sequence[Mapping[str, Any]]
    metrics: Sequence[str]
    _own: Own
    _servers: dict[str, Postgres | Valkey]  # component → what runs it
    _broker: str  # which of them the layer goes through
    _pids: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._look_up()

    def roots(self) -> Roots:
        serving = {"server": self._serving(), "worker": self._with("worker")}
        return serving | {component: [pid] for component, pid in self._pids.items()}

    def suffer(self, fault: str) -> None:
        {"replace-servers": self._replace_servers, "restart-broker": self._restart_broker}[fault]()

    def _replace_servers(self) -> None:
        """One after the other, as a deployment does; the supervisor starts a new one in its place."""
        old = self._serving()
        for pid in old:
            os.kill(pid, signal.SIGTERM)
            patience = time.monotonic() + REPLACING_TAKES_AT_MOST
            while pid in (there := self._serving()) or len(there) < len(old) or not is_ready(self._port):
                if time.monotonic() > patience:
                    raise CannotStart("A server process was not replaced in time.")
                time.sleep(0.1)

    def _restart_broker(self) -> None:
        server = self._servers[self._broker]
        server.stop()
        server.start()
        self._look_up()

    def _look_up(self) -> None:
        for component, server in self._servers.items():
            self._pids[component] = _pid(server)

    def _serving(self) -> list[int]:
        return self._with("serve")

    def _with(self, word: str) -> list[int]:
        return [pid for pid in tree(self._own.pid) if word in words(pid)]

    @property
    def _port(self) -> int:
        return urlsplit(self.url).port or 80


@contextmanager
def started(scenario: Scenario, layer: str, server: str) -> Iterator[Stack]:
    """Fresh, with nothing in it but who takes part."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="conclave-bench-")))
        wish = {"LAYER": layer, "SERVER": server, "WORKERS": str(scenario.workers), "LIMITS": scenario.limits}
        servers: dict[str, Postgres | Valkey] = {}
        if LAYERS[layer].needs_redis:
            valkey = servers["broker"] = stack.enter_context(Valkey(folder / "valkey"))
            wish["REDIS_URL"] = valkey.url
        with stand_in(0) as free:
            ops = port_of(free)
        metrics = [f"http://127.0.0.1:{ops + number}/metrics" for number in range(scenario.workers)]
        wish |= {"CONCLAVE_OPS_BIND": f"127.0.0.1:{ops}", "CONCLAVE_POOL_SIZE": str(scenario.organisations)}
        own = stack.enter_context(server_of_its_own(DEMO="0", **wish))
        servers["database"] = own.postgres
        broker = "broker" if "broker" in servers else "database"
        yield Stack(own.url, _seeded(own, scenario), metrics, own, servers, broker)


def _seeded(own: Own, scenario: Scenario) -> list[dict[str, Any]]:
    wanted = [f"bench{number}:{_people(scenario)}" for number in range(scenario.organisations)]
    command = [sys.executable, "-m", "saas.seed", *wanted]
    made = subprocess.run(command, env=dict(own.environment), capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotStart(f"The organisations could not be made: {made.stderr.strip()[-200:]}")
    told: list[dict[str, Any]] = json.loads(made.stdout.splitlines()[-1])
    return told


def _people(scenario: Scenario) -> int:
    return min(PEOPLE, max(1, scenario.sockets // scenario.organisations))


def _pid(server: Postgres | Valkey) -> int:
    if isinstance(server, Valkey):
        with redis.Redis.from_url(server.url) as client:
            return int(client.info("server")["process_id"])  # type: ignore[index, arg-type, unused-ignore]
    with psycopg.connect(server.url) as connection:
        status = Path("/proc", str(connection.info.backend_pid), "status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))
