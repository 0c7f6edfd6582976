"""Every page on the tour, light and wide, dark and phone-sized: to axe-core nothing is serious, nothing critical."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from saas.own_server import Own
from saas.screenshots import SCREENS, Tour
from saas.tour import STOPS, Stop
from tests.conftest import postgres

GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def tour(browser: Browser, servers: Any, database: str) -> Tour:
    return Tour(browser, Own(servers.get(DEMO="1", LIMITS="unlimited").url, database, 0, {}, postgres))


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_nothing_on_the_page_stands_in_anybodys_way(tour: Tour, stop: Stop) -> None:
    with tour.visit(stop, color_scheme="light", viewport=SCREENS["wide"]) as page:
        assert grave(Axe().run(page).response["violations"]) == []
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(SCREENS["phone"])
        assert grave(Axe().run(page).response["violations"]) == []


def grave(violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in violations
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]
