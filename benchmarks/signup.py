"""How long signing up takes, with many organisations present: from the request until the new space answers.

    conclave bench signup --organizations 1000 --measure 100

Talks to a running server, started with LIMITS=unlimited. What is asked about schemas comes from `conclave
organization list`, which needs the server's DATABASE_URL.
"""

import argparse
import http.client
import json
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from benchmarks.circumstances import ROOT, certificate

AT_ONCE = 3  # of those that only have to be there; a server process refuses more than four
JSON = {"Content-Type": "application/json"}


class Failed(Exception):
    """The measurement cannot go on. One sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Timing:
    sign_up: float  # milliseconds until the answer to the sign-up
    answers: float  # milliseconds until the new space has answered, too


def main(arguments: Sequence[str]) -> int:
    wish = _wish(arguments)
    server = Server(wish.url)
    try:
        there = _census()
        _fill(server, wish.organizations - len(there))
        timings = list(_measure(server, wish.measure, wish.pause))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    result = _summary(timings) | _schemas(_census()) | certificate()
    print("\n".join(f"{name:24} {value}" for name, value in result.items()))
    if wish.json:
        with open(wish.json, "w") as file:
            json.dump(result, file, indent=2)
    return 0


def _wish(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conclave bench signup", description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://localhost:8000", help="the server's public address")
    parser.add_argument("--organizations", type=int, default=1000, help="how many are to be there first")
    parser.add_argument("--measure", type=int, default=100, help="how many sign-ups are timed")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between them, for the pool to be filled")
    parser.add_argument("--json", help="a file for the result")
    return parser.parse_args(arguments)


class Server:
    """Connects to the server's address and names the host, so that no name has to resolve."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._named = parts.hostname or "localhost", parts.port, parts.netloc

    def sign_up(self, slug: str) -> dict[str, str]:
        asked = {"name": "Bench", "slug": slug, "email": f"owner@{slug}.example", "password": "correct horse battery"}
        while True:
            status, told = self._call("POST", "/api/v1/organizations", self._named, JSON, json.dumps(asked))
            if status == 201:
                return told
            if status != 503:
                raise Failed(f"Signing up was answered {status}: {told.get('detail')} Start it with LIMITS=unlimited.")
            time.sleep(float(told["retry_after"]))

    def session(self, slug: str, token: str) -> None:
        status, told = self._call(
            "GET", "/api/v1/session", f"{slug}.{self._named}", {"Authorization": f"Bearer {token}"}
        )
        if status != 200:
            raise Failed(f"The new space answered {status}: {told.get('detail')}")

    def _call(
        self, method: str, path: str, host: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        connection = self._connection(self._host, self._port, timeout=60)
        try:
            connection.request(method, path, body, {"Host": host, **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, ValueError) as error:
            raise Failed(f"There is no Conclave at {self._named}: {error}") from error
        finally:
            connection.close()


def _fill(server: Server, missing: int) -> None:
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        made = pool.map(server.sign_up, (_slug() for _ in range(missing)))
        for done, _ in enumerate(made, start=1):
            _progress("signing up", done, missing)
    finally:
        pool.shutdown(cancel_futures=True)


def _measure(server: Server, times: int, pause: float) -> Iterator[Timing]:
    for done in range(1, times + 1):
        time.sleep(pause)
        slug, began = _slug(), time.perf_counter()
        made = server.sign_up(slug)
        signed_up = time.perf_counter()
        server.session(slug, made["token"])
        yield Timing(1000 * (signed_up - began), 1000 * (time.perf_counter() - began))
        _progress("measuring", done, times)


def _slug() -> str:
    return f"bench-{secrets.token_hex(6)}"


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{what} {done} of {total}   ", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _summary(timings: list[Timing]) -> dict[str, Any]:
    return dict(
        [
            ("measured", len(timings)),
            *_percentiles("sign-up", [timing.sign_up for timing in timings]),
            *_percentiles("until it answers", [timing.answers for timing in timings]),
        ]
    )


def _percentiles(what: str, values: list[float]) -> Iterator[tuple[str, float]]:
    parts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    yield f"{what} p50 ms", round(parts[49], 1)
    yield f"{what} p95 ms", round(parts[94], 1)
    yield f"{what} max ms", round(max(values), 1)


def _schemas(entries: list[dict[str, Any]]) -> dict[str, Any]:
    fresh = [entry for entry in entries if entry["slug"].startswith("bench-")]
    return {
        "organizations": len(entries),
        "tables per schema": max(entry["tables"] for entry in fresh),
        "KiB of an empty one": max(entry["bytes"] for entry in fresh) // 1024,
    }


def _census() -> list[dict[str, Any]]:
    command = [sys.executable, "manage.py", "organization", "list", "--json"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if asked.returncode:
        raise Failed(f"Cannot list organisations; set DATABASE_URL to the server's. {asked.stderr.strip()[-200:]}")
    return list(json.loads(asked.stdout))
