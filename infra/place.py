"""Where an embedded server lives: a private folder, a socket path that fits, a lock for those who start at once."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# The kernel's limit for the path of a unix socket, without the closing NUL.
LONGEST_SOCKET_PATH = 107


class CannotStart(RuntimeError):
    """Something keeps a server from starting; the text is one sentence for the person at the terminal."""


def writable_folder(path: Path) -> Path:
    """The folder, made if missing."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise CannotStart(f"Cannot write to {path}: {error.strerror}. Choose another folder with DATA=.") from error


def private_folder(path: Path) -> Path:
    """The folder, made if missing, open to its owner alone."""
    writable_folder(path)
    try:
        path.chmod(0o700)
    except OSError as error:
        raise CannotStart(f"{path} belongs to another user. Remove it, or choose another folder with DATA=.") from error
    return path


def socket_fits(path: Path) -> bool:
    """Whether clients can be told this path: not too long, and without the comma that separates hosts in a DSN."""
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and "," not in str(path)


def socket_folder(data: Path, name: str) -> Path:
    """`data` itself, or a short private folder elsewhere if a socket in `data` would have a path that does not do."""
    return data if socket_fits(data / name) else short_folder(data, owners={os.getuid()})


def short_folder(data: Path, owners: set[int]) -> Path:
    """A private folder among the temporary files, always the same one for `data` and this user."""
    key = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    name = f"conclave-{os.getuid()}-{key}"
    temporary = Path(tempfile.gettempdir())
    folder = temporary / name if socket_fits(temporary / name / (" " * 32)) else Path("/tmp") / name
    folder.mkdir(mode=0o700, exist_ok=True)
    # Anybody may make a folder there: one laid in wait by somebody else, or a link, must not be trusted.
    if folder.is_symlink() or folder.stat().st_uid not in owners:
        raise CannotStart(f"{folder} belongs to another user. Remove it, or choose another folder with DATA=.")
    return private_folder(folder)


class Ownership:
    """Who stops the server in this folder: one living process at a time, and after its death the next that asks.

    The lock is the kernel's and ends with its holder, however it ends; the file itself means nothing.
    """

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def __bool__(self) -> bool:
        return self._file is not None

    def take(self, folder: Path) -> None:
        if self._file is not None:
            return
        file = (folder / "owner.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds out everybody else who would start a server in this folder."""
    with (folder / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
