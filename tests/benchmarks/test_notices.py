"""The measurement of notices still measures."""

import json
from pathlib import Path

from benchmarks import notices
from tests.conftest import Servers


def test_a_notice_is_measured_to_its_last_socket_and_so_is_the_chat_of_others(servers: Servers, tmp_path: Path) -> None:
    server, result = servers.get(LIMITS="unlimited"), tmp_path / "result.json"

    wish = ["--url", server.url, "--sockets", "20", "--notices", "3", "--pause", "0.3", "--json", str(result)]
    ended = notices.main(wish)

    told = json.loads(result.read_text())
    assert ended == 0
    assert (told["sockets"], told["notices"]) == (20, 3)
    assert 0 < told["until the first socket p50 ms"] <= told["until the last socket p50 ms"]
    assert 0 < told["chat of another, alone p50 ms"] <= told["chat of another, alone p99 ms"]
    assert 0 < told["chat of another, meanwhile p50 ms"] <= told["chat of another, meanwhile p99 ms"]
    assert all(told[part] for part in ("machine", "commit", "date", "command"))


def test_where_no_server_is_one_sentence_says_so(capsys: object) -> None:
    assert notices.main(["--url", "http://localhost:1", "--sockets", "1"]) == 1
