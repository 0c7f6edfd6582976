"""The processes of an installation: `conclave serve` answers browsers, `conclave worker` runs jobs.

`serve` is one process on one listening socket, its own (`--bind`) or one that it inherits (`--fd`) and shares with its
siblings. With CONCLAVE_WORKERS above 1, `serve --bind` starts that many such siblings and looks after them.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import procrastinate
import psycopg
from psycopg.abc import RV, PQGen

from infra.supervisor import Program, Supervisor
from realtime.layers import LAYERS
from saas import env

logger = logging.getLogger("conclave.server")

CONCLAVE = (sys.executable, "-m", "saas.cli")
HOME = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}  # where CONCLAVE finds us, wherever it is run
PROCESS = "CONCLAVE_PROCESS"  # the number of a server process among its siblings, from 0
SERVERS = ("uvicorn", "daphne")
NOTICE = 0.2  # of the drain: not ready, and still listening, so that whoever watches can send people elsewhere
# Seconds that a database thread may compute while the event loop waits for its turn. Python's own are 5 ms; with these,
# the median of others beside a flood is half as long, at the same cost (conclave bench noisy-neighbour).
SWITCH = 0.0005
PING_EVERY = 20.0  # seconds; a socket that does not answer for as long again is closed


def serve(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    from django.conf import settings

    if options.fd is None and settings.WORKERS > 1:
        _serve_with_siblings(listen(options.bind), settings.WORKERS, arguments)
        return
    listening = socket.socket(fileno=options.fd) if options.fd is not None else listen(options.bind)
    serve_metrics(settings.OPS_BIND, env.number(PROCESS, 0))

    from realtime.garbage import collector
    from saas.asgi import application
    from saas.health import drain_begins

    sys.setswitchinterval(SWITCH)
    collector.begin()
    jobs_here = LAYERS[settings.LAYER].single_process
    run = run_daphne if options.server == "daphne" else run_uvicorn
    run(application, listening, drain=options.drain, jobs_here=jobs_here, on_drain=drain_begins)


def worker(arguments: Sequence[str]) -> None:
    """Runs jobs until SIGTERM or SIGINT, then finishes those at hand."""
    argparse.ArgumentParser(prog="conclave worker", description=worker.__doc__).parse_args(arguments)
    import django
    from django.conf import settings

    if LAYERS[settings.LAYER].single_process:
        env.refuse(f"CONCLAVE_LAYER={settings.LAYER} lives in one process: conclave serve runs its jobs too.")
    django.setup()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # until the worker itself listens to it
    asyncio.run(work())


async def work(*, owns_process: bool = True) -> None:
    from procrastinate.contrib.django import app, utils
    from procrastinate.psycopg_connector import PsycopgConnector

    # The worker's own connections are for fetching jobs. What a job or a request defers goes on through Django's, in
    # its transaction: so the tasks stay linked to the first app, and its connector is not replaced.
    connector = PsycopgConnector(kwargs=utils.connector_params("default"), connection_class=Patient)
    working = procrastinate.App(connector=connector, worker_defaults=app.worker_defaults)
    working.tasks, working.periodic_registry = app.tasks, app.periodic_registry
    async with working.open_async():
        await working.run_worker_async(install_signal_handlers=owns_process, delete_jobs="successful")


class Patient(psycopg.AsyncConnection[Any]):
    """Waits for notifications until there is one, or the connection is lost. psycopg's own looks up ten times a second
    in case somebody has interrupted it, which two thirds of an idle worker's CPU time went into."""

    async def wait(self, gen: PQGen[RV], interval: float = 60.0, timeout: float | None = None) -> RV:  # noqa: ASYNC109
        return await super().wait(gen, interval, timeout)


def run_uvicorn(
    application: Any,
    listening: socket.socket,
    *,
    drain: float,
    jobs_here: bool = False,
    on_drain: Callable[[], None] = lambda: None,
) -> None:
    """At SIGTERM it is no longer ready, for a moment before it stops listening; then each socket is told goodbye at a
    moment drawn from `drain` seconds, when the command under way has been answered."""
    import uvicorn

    from saas.websocket import LARGEST_FRAME, draining_over

    class Server(uvicorn.Server):
        jobs: asyncio.Task[None] | None = None
        asked = asyncio.Event()  # to stop
        loop: asyncio.AbstractEventLoop | None = None

        async def main_loop(self) -> None:
            """uvicorn's own looks ten times a second whether it is to stop, which was a third of what an idle process
            costs. Here the signal wakes it, and the second in between is for the `Date` of its answers."""
            self.loop = asyncio.get_running_loop()
            while not await self.on_tick(0):
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await self.asked.wait()

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            super().handle_exit(sig, frame)
            if self.loop is not None:
                self.loop.call_soon_threadsafe(self.asked.set)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if jobs_here:
                self.jobs = asyncio.create_task(work(owns_process=False))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            on_drain()
            await asyncio.sleep(drain * NOTICE)
            if self.jobs:
                self.jobs.cancel()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws=draining_over(drain),
        ws_max_size=LARGEST_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_EVERY,
        ws_ping_timeout=PING_EVERY,
        # Who is behind a proxy is decided in one place, by CONCLAVE_PROXIES; uvicorn would believe all of loopback.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_graceful_shutdown=int(drain) + 10,
    )
    # uvicorn raises the signal that ended it again, which is to end the process with 0 and not by that signal.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    Server(config).run(sockets=[listening])


def run_daphne(
    application: Any,
    listening: socket.socket,
    *,
    drain: float,
    jobs_here: bool = False,
    on_drain: Callable[[], None] = lambda: None,
) -> None:
    """Daphne as it comes: no farewells, 1007 for invalid text, sockets refused with 403."""
    # Importing it installs its event loop.
    from daphne.server import Server  # type: ignore[import-untyped]
    from twisted.internet import reactor

    from saas.websocket import LARGEST_FRAME

    if jobs_here:
        reactor.callWhenRunning(lambda: asyncio.ensure_future(work(owns_process=False)))
    Server(
        application,
        endpoints=[f"fd:fileno={listening.fileno()}"],
        ping_interval=PING_EVERY,
        ping_timeout=PING_EVERY,
        websocket_timeout=-1,
        websocket_max_message_size=LARGEST_FRAME,
        websocket_max_frame_size=LARGEST_FRAME,
        server_name="",
        verbosity=0,
    ).run()


def listen(address: str) -> socket.socket:
    host, port = _host_and_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        env.refuse(f"{address} cannot be listened on ({error.strerror}); choose another address.")


def serve_metrics(address: str, number: int) -> None:
    """Process metrics for Prometheus, for each sibling on the next port."""
    from prometheus_client import start_http_server

    host, port = _host_and_port(address)
    try:
        start_http_server(port + number if port else 0, addr=host)
    except OSError as error:
        # Metrics are never worth a server: it goes on without.
        logger.warning("No metrics on %s:%d: %s", host, port + number, error.strerror)


def _serve_with_siblings(listening: socket.socket, count: int, arguments: Sequence[str]) -> None:
    async def started() -> None:
        logger.info("%d server processes", count)

    programs = siblings(listening, count, arguments, os.environ)
    asyncio.run(Supervisor(say=lambda line: print(line, flush=True)).run(programs, {}, started))


def siblings(
    listening: socket.socket, count: int, options: Sequence[str], environment: Mapping[str, str]
) -> list[Program]:
    """Server processes that share a listening socket."""
    command = (*CONCLAVE, "serve", *options, "--fd", str(listening.fileno()))
    return [
        Program(f"server {number + 1}", command, {**environment, **HOME, PROCESS: str(number)}, inherits=(listening,))
        for number in range(count)
    ]


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65536):
        env.refuse(f"{address!r} is not an address to listen on; write it like 127.0.0.1:8000.")
    return host.strip("[]"), int(port)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conclave serve", description=__doc__)
    parser.add_argument("--bind", default="127.0.0.1:8000", help="address to listen on (%(default)s)")
    parser.add_argument("--fd", type=int, help="a listening socket that is inherited, instead of --bind")
    parser.add_argument("--server", choices=SERVERS, default="uvicorn")
    parser.add_argument("--drain", type=float, default=5.0, help="seconds over which sockets are closed at the end")
    return parser.parse_args(arguments)
