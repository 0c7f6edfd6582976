"""What `conclave bench fanout` measures of ours, started as users start it: an installation with organisations in it, a
broker, a database."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
import redis

from benchmarks.fanout.dialects import Person, Space
from benchmarks.fanout.scenarios import MANY, ONE
from benchmarks.fanout.subjects import Helper, Installation
from benchmarks.processes import tree, words
from infra.local import CannotStart, Postgres, Valkey
from realtime.layers import LAYERS
from saas.own_server import Own, server_of_its_own


class Machine:
    @contextmanager
    def conclave(self, layer: str, server: str) -> Iterator[Installation]:
        with ExitStack() as stack:
            roots, wish = {}, {"LAYER": layer, "SERVER": server, "DEMO": "0", "CONCLAVE_OPS_BIND": "127.0.0.1:0"}
            if LAYERS[layer].needs_redis:
                broker = stack.enter_context(self.redis())
                roots["broker"], wish["REDIS_URL"] = [broker.pid], broker.url
            own = stack.enter_context(server_of_its_own(**wish))
            spaces = _seeded(own)
            roots["server"] = servers(own.pid)
            roots["database"] = [postmaster(own.database_url)]
            yield Installation(urlsplit(own.url).port or 0, roots, spaces)

    @contextmanager
    def redis(self) -> Iterator[Helper]:
        with TemporaryDirectory(prefix="conclave-valkey-") as folder, Valkey(Path(folder, "valkey")) as valkey:
            with redis.Redis.from_url(valkey.url) as client:
                pid = int(client.info("server")["process_id"])
            yield Helper(valkey.url, pid)

    @contextmanager
    def postgres(self) -> Iterator[Helper]:
        with TemporaryDirectory(prefix="conclave-postgres-") as folder, Postgres(Path(folder, "postgres")) as postgres:
            yield Helper(postgres.url, postmaster(postgres.url))


def servers(supervisor: int) -> list[int]:
    """The processes that answer browsers."""
    return [pid for pid in tree(supervisor) if "serve" in words(pid)]


def postmaster(url: str) -> int:
    """The parent of whoever answers us."""
    with psycopg.connect(url) as connection:
        status = Path("/proc", str(connection.info.backend_pid), "status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


def _seeded(own: Own) -> list[Space]:
    """One organisation for each group of the largest crowds."""
    wanted = [f"crowd:{ONE.members}", *(f"group{number}:{MANY.members}" for number in range(MANY.groups))]
    command = [sys.executable, "-m", "saas.seed", *wanted]
    made = subprocess.run(command, env=own.environment, capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotStart(f"The organisations could not be made: {made.stderr.strip()[-200:]}")
    return [
        Space(told["host"], told["room"], told["cookie"], [Person(**person) for person in told["people"]])
        for told in json.loads(made.stdout.splitlines()[-1])
    ]
