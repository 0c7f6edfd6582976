"""What is measured, and how it is started: Conclave on each layer and server, stock Channels, and peers."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import unquote, urlsplit

from benchmarks.circumstances import ROOT
from benchmarks.fanout.dialects import Conclave, Dialect, Nats, Nchan, Rooms, SocketIO, Space
from benchmarks.fanout.judge import Failed, cache
from benchmarks.processes import Roots

PEERS = Path(__file__).parent / "peers"
LAYERS = ("redis", "postgres", "memory", "channels-redis", "channels-redis-pubsub", "channels-postgres")
STOCK = ("channels-redis", "channels-redis-pubsub", "channels-postgres")
SERVERS = ("uvicorn", "daphne")
STARTING_TAKES_AT_MOST = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Helper:
    """A broker or a database that stands beside a subject."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """A Conclave of one's own, with organisations to measure in."""

    port: int
    roots: Roots
    spaces: Sequence[Space]


class Machine(Protocol):
    """Starts what is ours. Given by saas.bench: we know it by its wire alone."""

    def conclave(self, layer: str, server: str) -> AbstractContextManager[Installation]: ...
    def redis(self) -> AbstractContextManager[Helper]: ...
    def postgres(self) -> AbstractContextManager[Helper]: ...


@dataclass(frozen=True, slots=True)
class Running:
    port: int
    roots: Roots
    dialect: Dialect


Start = Callable[[Machine], AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    start: Start
    needs: tuple[str, ...] = ()
    """Programs that have to be installed."""
    stores: bool = False
    keeps_up: bool = True
    """Whether it can be asked for a rate at all."""

    @property
    def missing(self) -> list[str]:
        return [program for program in self.needs if shutil.which(program, path=_PATH) is None]


_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def _conclave(layer: str, server: str, *, with_sessions: bool = True) -> Start:
    @contextmanager
    def start(machine: Machine) -> Iterator[Running]:
        with machine.conclave(layer, server) as own:
            yield Running(own.port, own.roots, Conclave(own.spaces, with_sessions))

    return start


def _stock(layer: str, server: str) -> Start:
    @contextmanager
    def start(machine: Machine) -> Iterator[Running]:
        on_postgres = layer == "channels-postgres"
        with machine.postgres() if on_postgres else machine.redis() as helper:
            port, application = free_port(), "benchmarks.fanout.stock.asgi:application"
            environment = {
                "DJANGO_SETTINGS_MODULE": "benchmarks.fanout.stock.settings",
                "DATABASE_URL" if on_postgres else "REDIS_URL": helper.url,
                "STOCK_LAYER": layer,
            }
            if on_postgres:
                _once([sys.executable, "-m", "django", "migrate", "--verbosity", "0"], ROOT, environment)
            if server == "daphne":
                command = ["daphne", "--bind", "127.0.0.1", "--port", str(port), "--verbosity", "0", application]
            else:
                command = ["uvicorn", "--port", str(port), "--log-level", "warning", "--backlog", "2048", application]
            with running([sys.executable, "-m", *command], port, environment) as pid:
                role = "database" if on_postgres else "broker"
                yield Running(port, {"server": [pid], role: [helper.pid]}, Rooms())

    return start


@contextmanager
def _nchan(machine: Machine) -> Iterator[Running]:
    with TemporaryDirectory(prefix="conclave-nchan-") as folder:
        port = free_port()
        modules = next(str(path) for path in (Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules")) if path)
        written = _written("nginx.conf", folder, PORT=str(port), MODULES=modules)
        command = ["nginx", "-p", f"{folder}/", "-c", str(written), "-g", "daemon off;"]
        with running(command, port) as pid:
            yield Running(port, {"server": [pid]}, Nchan())


@contextmanager
def _nats(machine: Machine) -> Iterator[Running]:
    with TemporaryDirectory(prefix="conclave-nats-") as folder:
        port = free_port()
        with running(["nats-server", "-c", str(_written("nats.conf", folder, PORT=str(port)))], port) as pid:
            yield Running(port, {"server": [pid]}, Nats())


def _ws(**environment: str) -> Start:
    @contextmanager
    def start(machine: Machine) -> Iterator[Running]:
        with _node("ws.js", environment) as (port, pid):
            yield Running(port, {"server": [pid]}, Rooms("/{}"))

    return start


@contextmanager
def _socketio(machine: Machine) -> Iterator[Running]:
    with machine.redis() as redis:
        with _node("socketio.js", {"REDIS_SOCKET": unquote(urlsplit(redis.url).path)}) as (port, pid):
            yield Running(port, {"server": [pid], "broker": [redis.pid]}, SocketIO())


def _subjects() -> Iterator[Subject]:
    for server in SERVERS:
        for layer in LAYERS:
            yield Subject(_named(layer, server), _conclave(layer, server), stores=True)
    yield Subject("nchan", _nchan, needs=("nginx",))
    yield Subject("nats", _nats, needs=("nats-server",))
    yield Subject("ws", _ws(PREBUILT="1"), needs=("node", "npm"))
    yield Subject("ws-send", _ws(), needs=("node", "npm"))
    yield Subject("socketio", _socketio, needs=("node", "npm"))
    for server in SERVERS:
        for layer in STOCK:
            yield Subject(f"stock-{layer}@{server}", _stock(layer, server), keeps_up=False)


def _named(layer: str, server: str) -> str:
    return layer if server == SERVERS[0] else f"{layer}@{server}"


SUBJECTS = {subject.name: subject for subject in _subjects()}


@contextmanager
def running(command: Sequence[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A program that answers at this port while the block runs."""
    program = shutil.which(command[0], path=_PATH) or command[0]
    with TemporaryDirectory(prefix="conclave-subject-") as folder, Path(folder, "log").open("wb") as log:
        process = subprocess.Popen(
            [program, *command[1:]], cwd=ROOT, env=os.environ | dict(environment or {}), stdout=log, stderr=log
        )
        try:
            _wait_until_it_answers(process, port, Path(folder, "log"))
            yield process.pid
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    patience = time.monotonic() + STARTING_TAKES_AT_MOST
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > patience:
                raise Failed(f"did not start: {_reason(log.read_text(errors='replace'))}") from None
            time.sleep(0.05)


def _reason(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[-1] if lines else "it said nothing")


def _written(name: str, folder: str, **values: str) -> Path:
    text = (PEERS / name).read_text()
    for word, value in values.items():
        text = text.replace(word, value)
    path = Path(folder, name)
    path.write_text(text)
    return path


@contextmanager
def _node(script: str, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    folder, port = _modules(), free_port()
    there = {"NODE_PATH": str(folder / "node_modules"), "PORT": str(port), "NODE_ENV": "production"}
    with running(["node", str(PEERS / script)], port, there | dict(environment)) as pid:
        yield port, pid


def _modules() -> Path:
    """What the peers on Node need, fetched once."""
    folder, wanted = cache() / "node", (PEERS / "package.json").read_text()
    if not folder.joinpath("complete").exists() or folder.joinpath("complete").read_text() != wanted:
        folder.mkdir(exist_ok=True)
        folder.joinpath("package.json").write_text(wanted)
        _once(["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error"], folder)
        folder.joinpath("complete").write_text(wanted)
    return folder


def _once(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    ended = subprocess.run(
        command, cwd=folder, env=os.environ | dict(environment or {}), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise Failed(f"{command[0]} {command[1]} failed: {(ended.stderr or ended.stdout).strip()[-200:]}")
