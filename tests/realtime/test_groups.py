"""Names of groups: different for whatever differs, and fit for every layer."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime import groups
from realtime.groups import Group

Made = tuple[str, str, str]  # key, maker, part

MAKERS: dict[str, Callable[[str, str], Group]] = {
    "room": groups.room,
    "notices": lambda key, _: groups.notices(key),
    "person": lambda key, part: groups.person(key, int(part)),
}
LOOKALIKES = ["", "a", "all", "n.all", "r.a", "1", "general", "general\n", "General", "gene\u0301ral", "\ud800", "-"]
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=80) | st.sampled_from(LOOKALIKES)
PARTS = ANYTHING | ANYTHING.map(lambda part: sha256(part.encode("utf-8", "surrogatepass")).hexdigest())

KEYS = st.text("ab27", min_size=10, max_size=10)
MADE = st.one_of(
    st.tuples(KEYS, st.just("room"), PARTS),
    st.tuples(KEYS, st.just("person"), st.integers(0, 99).map(str)),
    st.tuples(KEYS, st.just("notices"), st.just("")),
)


def name(made: Made) -> str:
    key, maker, part = made
    return MAKERS[maker](key, part).name


@settings(deadline=None, max_examples=400)
@given(MADE, MADE)
@example(("aaaaaaaaaa", "room", "all"), ("aaaaaaaaaa", "notices", ""))
@example(("aaaaaaaaaa", "room", "1"), ("aaaaaaaaaa", "person", "1"))
@example(("aaaaaaaaaa", "room", "general"), ("aaaaaaaaaa", "room", "general\n"))
@example(("aaaaaaaaaa", "room", "a" * 60), ("aaaaaaaaaa", "room", "a" * 61))
def test_two_groups_have_one_name_only_if_they_are_one(one: Made, other: Made) -> None:
    assert (name(one) == name(other)) == (one == other)


@settings(deadline=None)
@given(MADE)
def test_every_name_fits_every_layer_and_begins_with_the_organisation(made: Made) -> None:
    assert name(made).isascii()
    assert len(name(made)) <= 75
    assert name(made).startswith(f"c.{made[0]}.")
    assert set(name(made)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_a_long_address_and_the_digest_that_stands_for_it_are_two_rooms() -> None:
    long = groups.room("a" * 10, "x" * 61)
    assert groups.room("a" * 10, long.name.rsplit(".")[-1]).name != long.name


@pytest.mark.parametrize(
    "key", ["", "a" * 9, "a" * 11, "A" * 10, "a" * 9 + "1", "a" * 10 + "\n", "aaaa.aaaaa", "a" * 9 + "é"]
)
def test_what_is_no_key_of_an_organisation_makes_no_group(key: str) -> None:
    for make in (lambda: groups.room(key, "general"), lambda: groups.notices(key), lambda: groups.person(key, 1)):
        with pytest.raises(ValueError, match="not the key"):
            make()
