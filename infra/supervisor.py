"""Keeps a set of programs running: starts them, starts them again when they die, stops them all at the end.

It gives up when one of them dies five times within a minute. It ends on SIGINT, SIGTERM or SIGHUP, and ends exactly
what it started. Its programs share a lifeline with it, a pipe: when the supervisor is killed and cannot say goodbye,
they notice and end by themselves (`follow_parent`).
"""

import asyncio
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

DEATHS = 5
WITHIN = 60.0  # seconds
FIRST_PAUSE = 0.2  # seconds before a program is started again; doubled at each further death
ASKING_TAKES_AT_MOST = 15.0  # seconds from SIGTERM to SIGKILL
LOOK_AT_SERVERS_EVERY = 2.0  # seconds
LIFELINE = "CONCLAVE_LIFELINE"

Say = Callable[[str], None]
Step = Callable[[], Awaitable[None]]


class GaveUp(Exception):
    """A program died too often; the text is one sentence for the person at the terminal."""


@dataclass(frozen=True)
class Program:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    inherits: tuple[socket.socket, ...] = ()  # listening sockets, which outlive the program


class Server(Protocol):
    """Something that runs outside, is asked whether it lives, and can be started again."""

    def start(self) -> None: ...
    def answers(self) -> bool: ...


@dataclass
class Deaths:
    name: str
    times: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS))

    def another(self, now: float, say: Say, how: str) -> float:
        """Notes a death and returns how long to wait before starting again."""
        self.times.append(now)
        recent = sum(1 for time in self.times if now - time < WITHIN)
        if recent == DEATHS:
            raise GaveUp(f"{self.name} died {DEATHS} times within a minute; the lines above say why.")
        say(f"{self.name} {how}; starting it again")
        return float(FIRST_PAUSE * 2 ** (recent - 1))


class Supervisor:
    def __init__(self, say: Say) -> None:
        self._say = say
        self._running: set[asyncio.subprocess.Process] = set()
        self._ending = False
        self._hurry = asyncio.Event()

    async def run(self, programs: Sequence[Program], servers: Mapping[str, Server], then: Step) -> None:
        """Starts the programs, takes the step `then`, and stays. Returns when a signal asks for the end."""
        self._lifeline, held = os.pipe()
        guide = asyncio.create_task(_take_and_stay(then))
        self._listen_to_signals(guide)
        keeping = [asyncio.create_task(self._keep(program)) for program in programs]
        watching = [asyncio.create_task(self._watch(name, server)) for name, server in servers.items()]
        try:
            done, _ = await asyncio.wait({guide, *keeping, *watching}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {guide} if guide.cancelled() else done:
                task.result()
        finally:
            for task in (guide, *watching):
                task.cancel()
            # Newcomers are to be refused from now on, not left waiting for someone who is leaving.
            for program in programs:
                for listening in program.inherits:
                    listening.close()
            await self._stop(keeping)
            os.close(held)
            os.close(self._lifeline)

    async def _keep(self, program: Program) -> None:
        deaths = Deaths(program.name)
        while not self._ending:
            process = await self._spawn(program)
            await self._forward(process, program.name)
            code = await process.wait()
            self._running.discard(process)
            if not self._ending:
                await asyncio.sleep(deaths.another(_now(), self._say, f"ended with {code}"))

    async def _watch(self, name: str, server: Server) -> None:
        deaths = Deaths(name)
        while True:
            await asyncio.sleep(LOOK_AT_SERVERS_EVERY)
            if not await asyncio.to_thread(server.answers):
                await asyncio.sleep(deaths.another(_now(), self._say, "does not answer"))
                await asyncio.to_thread(server.start)

    async def _spawn(self, program: Program) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            env={**program.environment, LIFELINE: str(self._lifeline)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(self._lifeline, *(listening.fileno() for listening in program.inherits)),
            # A session of its own: Ctrl-C at the terminal is for the supervisor, which ends its programs in order.
            start_new_session=True,
            limit=1 << 20,
        )
        self._running.add(process)
        if self._ending:
            _signal(process, signal.SIGTERM)
        return process

    async def _forward(self, process: asyncio.subprocess.Process, name: str) -> None:
        assert process.stdout
        while line := await _line(process.stdout):
            self._say(f"{name} | {line.decode(errors='replace').rstrip()}")

    async def _stop(self, keeping: Sequence[asyncio.Task[None]]) -> None:
        self._ending = True
        for process in self._running:
            _signal(process, signal.SIGTERM)
        ended = asyncio.gather(*keeping, return_exceptions=True)
        hurried = asyncio.create_task(self._hurry.wait())
        either: list[asyncio.Future[Any]] = [ended, hurried]
        await asyncio.wait(either, timeout=ASKING_TAKES_AT_MOST, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        for process in self._running:
            _signal(process, signal.SIGKILL)
        await ended

    def _listen_to_signals(self, guide: asyncio.Task[None]) -> None:
        def asked() -> None:
            # The first time politely; asked again, at once.
            if not guide.cancel():
                self._hurry.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, asked)


async def _take_and_stay(then: Step) -> None:
    await then()
    await asyncio.Event().wait()


def follow_parent() -> None:
    """In a program that a supervisor started: ends it when the supervisor is gone."""
    if lifeline := os.environ.pop(LIFELINE, ""):
        threading.Thread(target=_end_with, args=(int(lifeline),), daemon=True).start()


def _end_with(lifeline: int) -> None:
    os.set_inheritable(lifeline, False)
    with suppress(OSError):
        os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than the limit: a part of it was thrown away
        return b"(a line too long to show)"


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _now() -> float:
    return asyncio.get_running_loop().time()
