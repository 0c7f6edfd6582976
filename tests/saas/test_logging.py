"""What goes into the log, as an operator reads it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FAIL = """
import django, logging
django.setup()
def post(body):
    raise ValueError("cannot")
try:
    post("a secret between two")
except ValueError:
    logging.getLogger("conclave.test").exception("it failed")
"""
PRODUCTION = {
    "CONCLAVE_ENV": "production",
    "CONCLAVE_URL": "https://chat.example.org",
    "CONCLAVE_SECRET_KEY": "k" * 50,
    "CONCLAVE_MAIL_URL": "smtp://mail.example.org",
    "CONCLAVE_MAIL_FROM": "chat@example.org",
    "CONCLAVE_PROXIES": "1",
    "DATABASE_URL": "postgresql://conclave@db.example.org/conclave",
}


def logged(**environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONCLAVE_")}
    told = subprocess.run(
        [sys.executable, "-c", FAIL],
        cwd=ROOT,
        env=clean | {"DJANGO_SETTINGS_MODULE": "saas.settings"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stderr


@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["development", "production"])
def test_a_traceback_tells_where_and_never_what_was_said(environment: dict[str, str]) -> None:
    told = logged(**environment)
    assert "it failed" in told
    assert "ValueError: cannot" in told
    assert told.count("a secret between two") == 0


def test_production_logs_a_line_of_json_for_each_event() -> None:
    (line,) = logged(**PRODUCTION).splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"], event["logger"]) == ("it failed", "error", "conclave.test")
