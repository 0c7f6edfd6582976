"""`conclave up`: from nothing to a running Conclave on this machine, and back to nothing at Ctrl-C.

All that it starts is bound to loopback. What it is to be like comes from the environment, where `make up PORT=…` puts
it: PORT, HOST, LAYER, SERVER, WORKERS, DATA, DEMO, LIMITS, DATABASE_URL, REDIS_URL.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.local import Postgres, Valkey, postgres_binaries
from infra.place import CannotStart, Ownership, writable_folder
from infra.supervisor import GaveUp, Program, Server, Supervisor
from saas.around import LOOPBACK, ask_database, ask_redis, is_ready, listen_on, port_of, stand_in
from saas.server import CONCLAVE, HOME, siblings
from saas.wish import Wish, read_wish

READY_TAKES_AT_MOST = 60.0  # seconds
DRAIN = "1"  # seconds; whoever stops a development server sits and waits

Environment = dict[str, str]


def up(arguments: Sequence[str]) -> None:
    argparse.ArgumentParser(prog="conclave up", description=__doc__).parse_args(arguments)
    with ExitStack() as stack:
        stack.enter_context(_ended_by_signals())
        _up(read_wish(), stack)
    say("Stopped.")


def _up(wish: Wish, stack: ExitStack) -> None:
    listening = stack.enter_context(listen_on(wish.port))
    stack.enter_context(_alone_on(writable_folder(wish.data)))
    servers: dict[str, Server] = {}
    environment = {
        "CONCLAVE_PG_DUMP": str(postgres_binaries() / "pg_dump"),  # the system's own may be older than the server
        **os.environ,
        **_settings(wish),
        "DATABASE_URL": _database(wish, stack, servers),
        "REDIS_URL": _redis(wish, stack, servers),
    }
    smtp, page = (stack.enter_context(stand_in(port)) for port in (0, wish.port + 25))
    environment["CONCLAVE_MAIL_URL"] = f"smtp://{LOOPBACK}:{port_of(smtp)}"
    _prepare(wish, environment)
    say(f"Starting {wish.server} with the {wish.layer.name} layer")
    programs = [*_programs(wish, environment, listening), _mailbox(wish, environment, smtp, page)]

    async def welcome() -> None:
        await _wait_until_ready(wish.port)
        say(_welcome(wish, port_of(page)))

    try:
        asyncio.run(Supervisor(say).run(programs, servers, welcome))
    finally:
        # What remains is to stop the servers: in our own time, however often somebody asks.
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)


def say(line: str) -> None:
    print(line, flush=True)


def _settings(wish: Wish) -> Environment:
    return {
        "CONCLAVE_ENV": "development",
        "CONCLAVE_URL": wish.url,
        "CONCLAVE_SECRET_KEY": _secret(wish.data / "secret"),
        "CONCLAVE_LAYER": wish.layer.name,
        "CONCLAVE_LIMITS": wish.limits,
        "CONCLAVE_WORKERS": str(wish.workers),
        "CONCLAVE_PROXIES": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _secret(file: Path) -> str:
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with open(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(48))
        unfinished.rename(file)
    return file.read_text()


def _database(wish: Wish, stack: ExitStack, servers: dict[str, Server]) -> str:
    if wish.database_url:
        ask_database(wish.database_url)
        return wish.database_url
    say("Starting PostgreSQL")
    postgres = servers["PostgreSQL"] = stack.enter_context(Postgres(wish.data / "postgres"))
    return postgres.url


def _redis(wish: Wish, stack: ExitStack, servers: dict[str, Server]) -> str:
    if wish.redis_url:
        ask_redis(wish.redis_url)
        return wish.redis_url
    if not wish.layer.needs_redis:
        return ""
    say("Starting Valkey")
    valkey = servers["Valkey"] = stack.enter_context(Valkey(wish.data / "valkey"))
    return valkey.url


def _prepare(wish: Wish, environment: Environment) -> None:
    demo = ("--demo", str(_logins(wish))) if wish.demo else ()
    command = (sys.executable, "-m", "saas.prepare", *demo)
    if subprocess.run(command, env=environment | HOME, check=False).returncode:
        raise CannotStart("The database could not be brought up to date; the lines above say why.")


def _logins(wish: Wish) -> Path:
    return wish.data / "demo.json"


def _programs(wish: Wish, environment: Environment, listening: socket.socket) -> list[Program]:
    programs = siblings(listening, wish.workers, ("--server", wish.server, "--drain", DRAIN), environment)
    if not wish.layer.single_process:
        programs.append(Program("worker", (*CONCLAVE, "worker"), environment | HOME))
    return programs


def _mailbox(wish: Wish, environment: Environment, smtp: socket.socket, page: socket.socket) -> Program:
    sockets = ("--smtp-fd", str(smtp.fileno()), "--web-fd", str(page.fileno()))
    command = (sys.executable, "-m", "infra.mailbox", "--folder", str(wish.data / "mail"), *sockets)
    return Program("mailbox", command, environment | HOME, inherits=(smtp, page))


async def _wait_until_ready(port: int) -> None:
    patience = time.monotonic() + READY_TAKES_AT_MOST
    while not await asyncio.to_thread(is_ready, port):
        if time.monotonic() > patience:
            raise GaveUp(f"The server was not ready within {READY_TAKES_AT_MOST:.0f} seconds.")
        await asyncio.sleep(0.1)


def _welcome(wish: Wish, mailbox: int) -> str:
    lines = ["", "Conclave is ready.", "", f"  {wish.url}  sign up, or find your organisation"]
    if wish.demo:
        lines += _demo_logins(wish)
    lines += [f"  http://{LOOPBACK}:{mailbox}  every mail that is sent", "", "Ctrl-C stops it.", ""]
    return "\n".join(lines)


def _demo_logins(wish: Wish) -> list[str]:
    logins = json.loads(_logins(wish).read_text())
    return [f"  {wish.address_of(slug)}  {email} / {password}  ({role})" for slug, email, password, role in logins]


@contextmanager
def _alone_on(data: Path) -> Iterator[None]:
    ownership = Ownership()
    ownership.take(data)
    if not ownership:
        raise CannotStart(f"Conclave already runs on {data}; stop it, or choose another folder with DATA=.")
    try:
        yield
    finally:
        ownership.release()


ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Before the supervisor takes over, any way of asking for the end is a KeyboardInterrupt, which stops servers."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    yield
