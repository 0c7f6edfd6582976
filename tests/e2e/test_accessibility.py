"""Every page on the tour, light and dark, as axe-core sees it: nothing serious, nothing critical."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from saas.own_server import Own
from saas.screenshots import Tour
from saas.tour import STOPS, Stop

GRAVE = ("serious", "critical")
COLOURS = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def tour(browser: Browser, servers: Any, database: str) -> Tour:
    return Tour(browser, Own(servers.get(DEMO="1", LIMITS="unlimited").url, database))


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_nothing_on_the_page_stands_in_anybodys_way(tour: Tour, stop: Stop) -> None:
    with tour.visit(stop, color_scheme="light") as page:
        assert grave(Axe().run(page).response["violations"]) == []
        page.emulate_media(color_scheme="dark")
        assert grave(Axe().run(page, options=COLOURS).response["violations"]) == []


def grave(violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in violations
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]
