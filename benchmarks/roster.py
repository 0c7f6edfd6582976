"""Who takes part: organisations, and in each the room that all are in and what people are let in with."""

import http.client
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.client import Address

PATIENCE = 60.0  # seconds


class Failed(Exception):
    """It cannot go on. One sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Organisation:
    index: int
    host: str
    room: str
    tokens: tuple[str, ...]

    def token(self, number: int) -> str:
        """Where there are more sockets than people, people have several."""
        return self.tokens[number % len(self.tokens)]


def of_json(told: Iterable[Mapping[str, Any]]) -> list[Organisation]:
    """As saas.seed tells it."""
    return [
        Organisation(index, each["host"], each["room"], tuple(person["token"] for person in each["people"]))
        for index, each in enumerate(told)
    ]


def sign_up(url: str, index: int) -> Organisation:
    """Through the public API, as anybody may: its owner alone, who then comes with several devices."""
    public, slug = Address.of(url), f"bench-{secrets.token_hex(6)}"
    asked = {"name": "Bench", "slug": slug, "email": f"owner@{slug}.example", "password": secrets.token_urlsafe(12)}
    patience = time.monotonic() + PATIENCE
    while True:
        status, told = call(public, "POST", "/api/v1/organizations", body=asked)
        if status == 201:
            return Organisation(index, f"{slug}.{public.named}", "general", (told["token"],))
        if status != 503 or time.monotonic() > patience:
            raise Failed(f"Signing up was answered {status}: {told.get('detail')} Start it with LIMITS=unlimited.")
        time.sleep(float(told["retry_after"]))


def call(
    address: Address, method: str, path: str, *, token: str = "", body: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=PATIENCE)
    headers = {"Host": address.named, "Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Failed(f"There is no Conclave at {address.named}: {error}") from error
    finally:
        connection.close()
