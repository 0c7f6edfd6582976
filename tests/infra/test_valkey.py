import os
import signal
import stat

import pytest
import redis

from infra.local import CannotStart, Valkey


def ask(valkey, *command):
    with redis.Redis.from_url(valkey.url) as client:
        return client.execute_command(*command)


def pid(valkey):
    return ask(valkey, "INFO", "server")["process_id"]


def test_it_answers_and_never_evicts(tmp_path):
    with Valkey(tmp_path / "valkey") as valkey:
        assert ask(valkey, "PING")
        assert ask(valkey, "CONFIG GET", "maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert stat.S_IMODE((tmp_path / "valkey").stat().st_mode) == 0o700
    assert not valkey.answers()


def test_a_second_starter_uses_the_server_and_leaves_it_running(tmp_path):
    with Valkey(tmp_path) as first:
        with Valkey(tmp_path) as second:
            assert pid(second) == pid(first)
        assert first.answers()


def test_a_killed_server_starts_again(tmp_path):
    with Valkey(tmp_path) as valkey:
        killed = pid(valkey)
        os.kill(killed, signal.SIGKILL)
        valkey.start()
        assert pid(valkey) != killed


@pytest.mark.parametrize("name", ["with space, comma and it's quote", "long" * 40])
def test_any_path_does(tmp_path, temporary, name):
    with Valkey(tmp_path / name) as valkey:
        assert ask(valkey, "PING")


def test_a_folder_that_cannot_be_written_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=r"^Cannot write to .*\. Choose another folder with DATA=\.$"):
        Valkey(tmp_path / "file" / "valkey").start()
