"""Addresses: their shape, the reserved, the taken."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from tenants import addresses
from tenants.addresses import Unavailable
from tenants.models import RetiredAddress
from tests.cast import Org
from tests.tenants.visitors import Visitor


def reason(slug: str) -> str | None:
    try:
        addresses.check(slug)
    except Unavailable as why:
        return why.reason
    return None


@pytest.mark.parametrize("slug", ["abc", "a1b", "0-0", "a--b", "team-7", "x" * 40, "a" + "-" * 38 + "a"])
def test_small_letters_digits_and_inner_hyphens_make_an_address(database: str, slug: str) -> None:
    assert reason(slug) is None


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "ab",
        "x" * 41,
        "-abc",
        "abc-",
        "a_b",
        "a.b",
        "a b",
        " abc",
        "abc\n",
        "äbc",
        "abс",
        "a\0b",
        "١٢٣",
        "Abc",
        "a/b",
    ],
)
def test_anything_else_is_no_address(database: str, slug: str) -> None:
    assert reason(slug) == "invalid"


@pytest.mark.parametrize("slug", ["www", "api", "admin", "mail", "conclave", "ADMIN", "Www", "xn--80ak6aa92e"])
def test_the_reserved_are_told_apart(database: str, slug: str) -> None:
    assert reason(slug) == "reserved"


def test_at_least_300_names_are_reserved_and_each_could_be_an_address() -> None:
    listed = [line for line in Path(addresses.__file__).with_name("reserved.txt").read_text().split("\n") if line]
    names = [line for line in listed if not line.startswith("#")]

    assert len(names) >= 300
    assert len(names) == len(set(names)) == len(addresses.reserved())
    assert [name for name in names if not addresses._SHAPE.fullmatch(name)] == []


WORDS = ["acme", "globex", "apple", "garden", "coffee", "river", "bakery", "north", "school", "library", "demo"]


@pytest.mark.parametrize("word", WORDS)
def test_ordinary_words_stay_free(word: str) -> None:
    assert word not in addresses.reserved()


def test_a_taken_address_is_taken_in_any_case(acme: Org) -> None:
    assert reason(acme.space.slug) == "taken"
    assert reason(acme.space.slug.upper()) == "taken"


def test_a_retired_address_is_taken_until_its_time_is_over(database: str) -> None:
    RetiredAddress.objects.create(slug="left-alone", until=timezone.now() + timedelta(minutes=1))
    RetiredAddress.objects.create(slug="long-ago", until=timezone.now() - timedelta(minutes=1))

    assert reason("left-alone") == "taken"
    assert reason("long-ago") is None


def test_the_page_asks_while_one_types(acme: Org) -> None:
    def ask(slug: str) -> dict[str, object]:
        response = Visitor(settings.PUBLIC_URL).get(f"/api/v1/addresses/{slug}")
        assert response.status_code == 200
        return dict(response.json())

    assert ask("quite-free") == {"slug": "quite-free", "available": True, "reason": None, "detail": ""}
    assert ask(acme.space.slug)["reason"] == "taken"
    assert ask("www") | {"detail": ""} == {"slug": "www", "available": False, "reason": "reserved", "detail": ""}
    assert ask("-")["reason"] == "invalid"
    assert all(ask(slug)["detail"] for slug in (acme.space.slug, "www", "-"))
