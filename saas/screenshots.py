"""`conclave screenshots`: pictures of every page on the tour, wide and phone-sized, light and dark, and one page to
look at them all."""

import argparse
import base64
import hashlib
import hmac
import html
import os
import re
import secrets
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra import browser as browsers
from saas import env
from saas.demo_people import PASSWORD
from saas.own_server import Own, server_of_its_own
from saas.server import CONCLAVE, HOME
from saas.tour import OPERATOR, STOPS, Stop

SCREENS = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
SCHEMES = ("light", "dark")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
OPERATORS_ADDRESS = "operator@conclave.example"


def screenshots(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        env.refuse("Screenshots need Playwright; `make tools` installs it.")
    chromium = browsers.found() or env.refuse("Screenshots need Chromium; `make browser` installs it.")
    stops = [stop for stop in STOPS if not options.only or stop.name in options.only]
    options.out.mkdir(parents=True, exist_ok=True)
    with server_of_its_own() as own, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        tour = Tour(browser, own)
        total = len(stops) * len(SCREENS) * len(SCHEMES)
        for number, (stop, screen, scheme) in enumerate(_all(stops), 1):
            tour.take(stop, screen, scheme, options.out / _file(stop, screen, scheme))
            _progress(number, total, stop.name)
    (options.out / "index.html").write_text(_index(stops))
    print(f"\n{total} pictures; look at them in {options.out / 'index.html'}", file=sys.stderr)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("conclave screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("screenshots"), help="the folder for the pictures")
    parser.add_argument("--only", nargs="*", metavar="NAME", choices=[stop.name for stop in STOPS], help="these pages")
    return parser.parse_args(arguments)


def _all(stops: list[Stop]) -> Iterator[tuple[Stop, str, str]]:
    return ((stop, screen, scheme) for stop in stops for screen in SCREENS for scheme in SCHEMES)


class Tour:
    """Goes from page to page as the people of the demo, each of whom signs in once per screen."""

    def __init__(self, browser: Any, own: Own) -> None:
        self._browser, self._own, self._url = browser, own, own.url
        self._states: dict[str, Any] = {}

    def take(self, stop: Stop, screen: str, scheme: str, file: Path) -> None:
        with self.visit(stop, viewport=SCREENS[screen], color_scheme=scheme) as page:
            page.screenshot(path=file, full_page=True)

    @contextmanager
    def visit(self, stop: Stop, **options: Any) -> Iterator[Any]:
        """A page of a browser that stands there."""
        context = self._browser.new_context(locale="en-GB", storage_state=self._state(stop.who), **options)
        try:
            page = context.new_page()
            _go(page, stop, self._home(stop))
            yield page
        finally:
            context.close()

    def _home(self, stop: Stop) -> str:
        return self._url if stop.public else self._url.replace("://", "://acme.")

    def _state(self, who: str) -> Any:
        if who and who not in self._states:
            context = self._browser.new_context()
            _sign_in_operator(context, self._own) if who == OPERATOR else _sign_in(context, self._url, who)
            self._states[who] = context.storage_state()
            context.close()
        return self._states.get(who)


def _go(page: Any, stop: Stop, home: str) -> None:
    """To the page, until it has nothing more to load; then the key or the click that shows what is to be seen."""
    answer = page.goto(home + stop.path)
    status = answer.status if answer else 0
    assert 200 <= status < 500, f"{stop.path} is answered {status}"
    page.wait_for_load_state("networkidle")
    if stop.press:
        page.keyboard.press(stop.press)
    if stop.click:
        page.locator(stop.click).first.click()
    if stop.press or stop.click:
        page.wait_for_timeout(300)  # what opens may do so gently


def _sign_in(context: Any, url: str, who: str) -> None:
    page = context.new_page()
    home = url.replace("://", "://acme.")
    page.goto(f"{home}/accounts/login/")
    page.locator("[name=login]").fill(who)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(f"{home}/")


def _sign_in_operator(context: Any, own: Own) -> None:
    """A new operator, made as operators are made, on the command line."""
    password = secrets.token_urlsafe(18)
    command = [*CONCLAVE, "operator", "add", OPERATORS_ADDRESS, "--password-stdin"]
    told = subprocess.run(
        command,
        input=password + "\n",
        env=os.environ | HOME | {"DATABASE_URL": own.database_url},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"otpauth://\S+", told)
    assert found is not None, "`conclave operator add` tells the second factor"
    page = context.new_page()
    page.goto(f"{own.url}/operators/login/")
    page.locator("[name=login]").fill(OPERATORS_ADDRESS)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.locator("[name=code]").fill(one_time_code(parse_qs(urlsplit(found[0]).query)["secret"][0]))
    page.locator("[name=code]").press("Enter")
    page.wait_for_url(f"{own.url}/operators/")


def one_time_code(secret: str) -> str:
    """The six digits of this half minute (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def _file(stop: Stop, screen: str, scheme: str) -> str:
    return f"{stop.name}-{screen}-{scheme}.png"


def _progress(number: int, total: int, name: str) -> None:
    done = round(30 * number / total)
    print(f"\r[{'#' * done:30}] {number}/{total} {name:24}", end="", file=sys.stderr, flush=True)


def _index(stops: list[Stop]) -> str:
    rows = "".join(
        f"<h2>{html.escape(stop.name)} <small>{html.escape(stop.path)}</small></h2><p>"
        + "".join(
            f'<a href="{_file(stop, screen, scheme)}"><img loading="lazy" height="420"'
            f' alt="{screen}, {scheme}" src="{_file(stop, screen, scheme)}"></a> '
            for screen in SCREENS
            for scheme in SCHEMES
        )
        for stop in stops
    )
    return f"<!doctype html><meta charset=utf-8><title>Conclave, every page</title><h1>Every page</h1>{rows}"
