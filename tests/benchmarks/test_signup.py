"""The measurement of signing up still measures."""

import json
from pathlib import Path

import pytest

from benchmarks import signup
from tests.conftest import Servers


def test_signing_up_is_measured_and_the_number_has_a_birth_certificate(servers: Servers, tmp_path: Path) -> None:
    server, result = servers.get(LIMITS="unlimited"), tmp_path / "result.json"

    wish = ["--url", server.url, "--organizations", "2", "--measure", "2", "--pause", "0", "--json", str(result)]
    ended = signup.main(wish)

    told = json.loads(result.read_text())
    assert ended == 0
    assert (told["measured"], told["organizations"] >= 2) == (2, True)
    assert 0 < told["sign-up p50 ms"] <= told["until it answers p50 ms"] <= told["until it answers max ms"]
    assert 10 < told["tables per schema"] <= 30
    assert 0 < told["KiB of an empty one"] <= 2048
    assert all(told[part] for part in ("machine", "commit", "date", "command"))


def test_where_no_server_is_one_sentence_says_so(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = signup.main(["--url", "http://localhost:1", "--organizations", "10000", "--measure", "1"])

    assert ended == 1
    assert "There is no Conclave at localhost:1" in capsys.readouterr().err
