"""What `conclave` cannot do, it says in one sentence, with exit code 2."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("PORT", "HOST", "LAYER", "SERVER", "WORKERS", "DATA", "DEMO", "LIMITS", "DATABASE_URL", "REDIS_URL")


def conclave(*arguments, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in OURS and "CONCLAVE" not in name}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=clean | environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refusal(run):
    assert run.returncode == 2
    assert "Traceback" not in run.stdout + run.stderr
    [sentence] = run.stderr.splitlines()
    return sentence


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"PORT": "many"}, "PORT=many is not a whole number from 1 to 65535."),
        ({"PORT": "0"}, "PORT=0 is not a whole number from 1 to 65535."),
        ({"PORT": "65536"}, "PORT=65536 is not a whole number from 1 to 65535."),
        ({"WORKERS": "0"}, "WORKERS=0 is not a whole number from 1 to 64."),
        ({"WORKERS": "-1"}, "WORKERS=-1 is not a whole number from 1 to 64."),
        ({"SERVER": "apache"}, "SERVER=apache is not known; choose one of: uvicorn, daphne."),
        ({"LIMITS": "none"}, "LIMITS=none is not known; choose one of: normal, unlimited."),
        ({"DEMO": "yes"}, "DEMO=yes is not known; choose one of: 0, 1."),
        (
            {"HOST": "http://example.test"},
            "HOST=http://example.test is not a host name; write it like localhost, without scheme and port.",
        ),
        (
            {"LAYER": "memory", "WORKERS": "2"},
            "LAYER=memory lives in one process; use WORKERS=1 or another LAYER.",
        ),
        ({"DATABASE_URL": "mysql://localhost/x"}, "DATABASE_URL must begin with postgresql:// or postgres://."),
        ({"REDIS_URL": "localhost"}, "REDIS_URL must begin with redis:// or rediss:// or unix://."),
    ],
)
def test_nonsense_is_refused(tmp_path, wish, sentence):
    assert refusal(conclave("up", **{"DATA": str(tmp_path)} | wish)) == sentence


def test_an_unknown_layer_is_refused_with_those_that_there_are(tmp_path):
    sentence = refusal(conclave("up", LAYER="pigeons", DATA=str(tmp_path)))
    assert sentence.startswith("LAYER=pigeons is not known; choose one of: postgres, ")


def test_a_taken_port_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refusal(conclave("up", PORT=str(port), DATA=str(tmp_path)))
    assert sentence == f"Port {port} is taken; stop what uses it, or choose another with PORT=."


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    sentence = refusal(conclave("up", PORT=str(free_port()), DATA=str(tmp_path / "file" / "data")))
    assert sentence == f"Cannot write to {tmp_path}/file/data: Not a directory. Choose another folder with DATA=."


@pytest.mark.parametrize(
    ("layer", "name", "url"),
    [
        ("postgres", "DATABASE_URL", "postgresql://somebody:secret@127.0.0.1:{closed}/conclave"),
        ("postgres", "DATABASE_URL", "postgresql:///conclave?host={folder}"),
        ("channels-redis", "REDIS_URL", "redis://:secret@127.0.0.1:{closed}/0"),
        ("channels-redis", "REDIS_URL", "unix://{folder}/redis.sock"),
    ],
)
def test_a_server_that_does_not_answer_is_refused(tmp_path, database, layer, name, url):
    servers = {"DATABASE_URL": database, name: url.format(closed=free_port(), folder=tmp_path)}
    sentence = refusal(conclave("up", PORT=str(free_port()), DATA=str(tmp_path), LAYER=layer, **servers))
    assert sentence.startswith(f"{name} does not answer: ")
    assert "secret" not in sentence


@pytest.mark.parametrize("command", [("organization", "list"), ("operator", "list"), ("upgrade",), ("doctor",)])
def test_a_command_whose_database_does_not_answer_says_so_in_a_sentence(command):
    closed = f"postgresql://somebody:secret@127.0.0.1:{free_port()}/conclave"
    sentence = refusal(conclave(*command, DATABASE_URL=closed))
    assert sentence.startswith("DATABASE_URL does not answer: ")
    assert "secret" not in sentence


@pytest.mark.parametrize("asked", [(), ("help",), ("--help",)])
def test_who_asks_conclave_what_it_can_do_is_told(asked):
    told = conclave(*asked)
    assert told.returncode == 0
    for command in ("up", "serve", "worker", "upgrade", "doctor", "operator", "organization", "bench", "screenshots"):
        assert f"\n  {command} " in told.stdout


def test_a_second_conclave_on_the_same_folder_is_refused(tmp_path):
    from infra.place import Ownership

    first = Ownership()
    first.take(tmp_path)
    sentence = refusal(conclave("up", PORT=str(free_port()), DATA=str(tmp_path)))
    first.release()
    assert sentence == f"Conclave already runs on {tmp_path}; stop it, or choose another folder with DATA=."


GOOD = {
    "CONCLAVE_ENV": "production",
    "CONCLAVE_URL": "https://chat.example.com",
    "CONCLAVE_SECRET_KEY": "0123456789" * 5,
    "CONCLAVE_MAIL_URL": "smtp://mail.example.com:25",
    "CONCLAVE_MAIL_FROM": "conclave@example.com",
    "CONCLAVE_PROXIES": "1",
    "CONCLAVE_LAYER": "postgres",
    "CONCLAVE_OPS_BIND": "127.0.0.1:0",
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONCLAVE_SECRET_KEY", ""),
        ("CONCLAVE_SECRET_KEY", "short"),
        ("CONCLAVE_SECRET_KEY", "development-only-" + "x" * 40),
        ("CONCLAVE_URL", ""),
        ("CONCLAVE_URL", "http://chat.example.com"),
        ("CONCLAVE_URL", "https://localhost"),
        ("CONCLAVE_MAIL_URL", ""),
        ("CONCLAVE_MAIL_FROM", ""),
        ("CONCLAVE_PROXIES", ""),
        ("CONCLAVE_LIMITS", "unlimited"),
        ("DEBUG", "1"),
        ("DATABASE_URL", ""),
    ],
)
def test_production_refuses_what_is_unsafe(database, name, value):
    sentence = refusal(conclave("serve", **GOOD | {"DATABASE_URL": database} | {name: value}))
    assert name.removeprefix("CONCLAVE_") in sentence


def test_the_worker_refuses_it_too(database):
    bad = GOOD | {"DATABASE_URL": database, "CONCLAVE_SECRET_KEY": ""}
    assert refusal(conclave("worker", **bad)) == refusal(conclave("serve", **bad))


def test_serve_refuses_an_address_it_cannot_have(database):
    good = GOOD | {"DATABASE_URL": database}
    assert refusal(conclave("serve", "--bind", "nowhere", **good)) == (
        "'nowhere' is not an address to listen on; write it like 127.0.0.1:8000."
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert refusal(conclave("serve", "--bind", address, **good)).startswith(f"{address} cannot be listened on")


def test_the_worker_leaves_jobs_to_a_layer_of_one_process(database):
    sentence = refusal(conclave("worker", **GOOD | {"DATABASE_URL": database, "CONCLAVE_LAYER": "memory"}))
    assert sentence == "CONCLAVE_LAYER=memory lives in one process: conclave serve runs its jobs too."


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]
