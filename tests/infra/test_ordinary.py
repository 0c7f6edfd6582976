"""PostgreSQL refuses root. These run it as root where the kernel grants no user namespace, as in most containers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import ctypes, os, stat, sys
from pathlib import Path
import psycopg
from infra.local import Postgres
from infra.ordinary import ordinary_user

if sys.argv[2] == "alone":
    ctypes.CDLL(None).unshare(0x10000000)  # CLONE_NEWUSER
    print("unshared", flush=True)
    sys.stdin.readline()
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    assert ordinary_user().uid is not None

closed = Path(sys.argv[1])
with Postgres(closed / "postgres") as postgres:
    with psycopg.connect(postgres.url) as connection:
        print(connection.execute("SELECT current_user").fetchone()[0])
with Postgres(closed / "postgres") as postgres:
    pass
print(oct(stat.S_IMODE(closed.stat().st_mode)))
"""


def everybody(pid: int) -> None:
    """Gives the process's user namespace all users, as a container has them."""
    for kind in ("uid_map", "gid_map"):
        Path(f"/proc/{pid}/{kind}").write_text("0 0 65536")


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_it_runs_below_a_closed_folder_and_leaves_that_closed(tmp_path, temporary, mode):
    tmp_path.chmod(mode)
    # An ordinary user has no need of other users, and a container that grants no namespace is the case by itself.
    container = os.getuid() == 0 and subprocess.run(["unshare", "--user", "true"], check=False).returncode == 0
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, tmp_path, "alone" if container else "here"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if container:
        assert run.stdout.readline() == "unshared\n"
        everybody(run.pid)
    said, _ = run.communicate("go\n")
    assert run.returncode == 0
    assert said.split() == ["postgres", oct(mode)]
