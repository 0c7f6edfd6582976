"""Somebody of another organisation who talks steadily and hears their own words: how long that takes, whatever happens
next door. In a process of their own, so that a crowd's own client does not stand in the way.

    python -m benchmarks.neighbour ADDRESS TOKEN     then on standard input: `begin`, and `end` for the figures
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from realtime.protocol import Post

POSTS = 20  # a second
PATIENCE = 60.0  # seconds


class Neighbour:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def begin(self) -> None:
        """What is said from now on counts."""
        self._tell("begin")

    def end(self) -> list[float]:
        """Seconds from when each word was to be said until it was heard, since `begin`."""
        took: list[float] = json.loads(self._tell("end"))
        return took

    def _tell(self, word: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise ConnectionError("The neighbour has gone.")
        return answer


@contextmanager
def neighbour(address: str, token: str) -> Iterator[Neighbour]:
    command = [sys.executable, "-m", "benchmarks.neighbour", address, token]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Neighbour(process)
        finally:
            process.terminate()


async def _talk(address: str, token: str) -> None:
    parts = urlsplit(address)
    async with connect(
        f"ws://{parts.netloc}/ws/chat/general/",
        host=str(parts.hostname).partition(".")[2],  # names below localhost are not known everywhere
        port=parts.port or 80,
        additional_headers={"Authorization": f"Bearer {token}"},
        open_timeout=PATIENCE,
        compression=None,
        proxy=None,
    ) as socket:
        said, took = dict[str, float](), list[float]()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_hear(socket, said, took))
            tasks.create_task(_say(socket, said))
            tasks.create_task(_obey(took))


async def _say(socket: ClientConnection, said: dict[str, float]) -> None:
    """By a schedule, whatever has become of the words before."""
    due = time.perf_counter()
    while True:
        post = Post(room="general", client_id=f"{due}", message="hello")
        said[post.client_id] = due
        await socket.send(json.dumps({"client_id": post.client_id, "message": post.message}))
        due += 1 / POSTS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def _hear(socket: ClientConnection, said: dict[str, float], took: list[float]) -> None:
    async for text in socket:
        now, frame = time.perf_counter(), json.loads(text)
        if (due := said.pop(frame.get("client_id", ""), None)) is not None:
            took.append(now - due)


async def _obey(took: list[float]) -> None:
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        print(json.dumps(took if word == "end" else []), flush=True)
        took.clear()


if __name__ == "__main__":
    asyncio.run(_talk(*sys.argv[1:]))
