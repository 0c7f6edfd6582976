"""The wire: whatever comes in is a command or refused by name; whatever goes out is what the schema says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from realtime import protocol
from realtime.protocol import COMMANDS, EVENTS, REFUSALS, Command, Refused, check_text, encode, parse
from realtime.protocol_schema import schema

FILE = Path(protocol.__file__).with_name("protocol.schema.json")


def validator(part: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{part}"} | schema())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=4)

# Frames near enough to a command that many of them are one.
ADDRESSES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,59}", fullmatch=True) | st.sampled_from(
    ["General", "", "../x", "a" * 61]
)
NUMBERS = st.integers(-1, 2**53) | st.just(1.5) | st.none()
EPOCHS = st.sampled_from(["abcdefghij", "", "1", None, 7])
NEARLY = st.fixed_dictionaries(
    {"do": st.sampled_from([*COMMANDS, "dance"])},
    optional={
        "id": st.sampled_from([0, -1, 7, 2**53, "mine", "", "é", "x" * 65, None, True, 1.5, []]),
        "room": ADDRESSES,
        "rooms": st.dictionaries(ADDRESSES, NUMBERS, max_size=3) | st.none(),
        "since": NUMBERS,
        "epoch": EPOCHS,
        "client_id": st.text(max_size=4) | st.uuids().map(str),
        "message": st.text(max_size=20) | st.none(),
        "data": OBJECTS,
        "other": JSON,
    },
)


def test_the_schema_beside_the_code_is_the_generated_one() -> None:
    generated = json.dumps(schema(), indent=2) + "\n"
    assert FILE.read_text() == generated, (
        "the wire has changed: python -m realtime.protocol_schema > realtime/protocol.schema.json"
    )
    Draft202012Validator.check_schema(schema())


@settings(deadline=None, max_examples=150)
@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "replace")), JSON.map(json.dumps)))
@example("[" * 30_000)
@example('{"do":"post","id":' + "9" * 5000 + "}")
@example('{"do":NaN}')
@example("\ud800")
def test_anything_is_a_command_or_refused_by_a_known_code(text: str) -> None:
    command, code = heard(text)
    assert type(command) in COMMANDS.values() or code in REFUSALS


@settings(deadline=None, max_examples=300)
@given(NEARLY)
@example({"do": "join", "room": "general", "since": None, "epoch": None, "id": None})
def test_every_command_that_is_taken_is_one_of_the_schema(frame: dict[str, Any]) -> None:
    command, code = heard(json.dumps(frame))
    if command is None:
        assert code in ("unknown_command", "bad_command")
    else:
        assert type(command) is COMMANDS[frame["do"]]
        validator("commands").validate(frame)


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.DO)
def test_every_command_can_be_said(kind: Any) -> None:
    whole = {"room": "general", "client_id": "1", "message": "hi", "data": {"typing": True}}
    whole |= {"seq": 7, "emoji": "👍"}
    frame = {"do": kind.DO, "id": "mine"} | {name: whole[name] for name in kind.__slots__ if name in whole}
    assert parse(json.dumps(frame))[0] == kind(**{name: whole[name] for name in kind.__slots__ if name in whole})
    validator("commands").validate(frame)


def built(kind: Any) -> st.SearchStrategy[Any]:
    numbers = {"retry_after": st.none() | st.floats(allow_nan=False, allow_infinity=False)}
    given = {"data": OBJECTS} | numbers
    return st.builds(kind, **{name: strategy for name, strategy in given.items() if name in kind.__slots__})


@settings(deadline=None, max_examples=300)
@given(st.one_of([built(kind) for kind in EVENTS]))
def test_every_event_is_one_line_of_json_that_the_schema_knows(event: Any) -> None:
    text = encode(event)
    assert "\n" not in text
    assert "\r" not in text
    frame = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert frame["on"] == event.ON
    validator("events").validate(frame)


def test_the_schema_refuses_what_is_no_event() -> None:
    told = json.loads(encode(protocol.Ack(id=1, seq=2)))
    known = validator("events")
    assert known.is_valid(told)
    assert not known.is_valid(told | {"more": 1})
    assert not known.is_valid(told | {"seq": "2"})
    assert not known.is_valid({"on": "dance"})


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_json_is_passed_on_to_nobody(number: str) -> None:
    """Python reads it as infinity, and would write that as a word which no browser can parse."""
    assert heard(signal(number)) == (None, "bad_command")


def test_data_nested_deeply_is_refused_at_every_depth() -> None:
    """Just under the interpreter's limit a text can be read and not be written again."""
    found = [heard(signal("[" * depth + "]" * depth)) for depth in range(1, 1100)]
    taken = [command for command, _ in found if isinstance(command, protocol.Signal)]
    assert len(taken) == 20
    assert {code for _, code in found[20:]} == {"bad_command", "bad_json"}


def test_a_refusal_repeats_the_id_and_nothing_else_of_the_frame() -> None:
    with pytest.raises(Refused) as refused:
        parse('{"do":"join","id":"mine","room":"<script>"}')
    assert refused.value.id == "mine"
    assert "script" not in refused.value.detail


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_a_text_is_kept_unchanged_or_refused_for_what_it_is(text: str) -> None:
    bad = any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
    expected = "empty" if not text or text.isspace() else "too_long" if len(text) > 30 else "bad_text" if bad else None
    assert refused_for(lambda: check_text(text, 30)) == expected


def test_a_text_may_be_as_long_as_is_allowed_counted_in_characters() -> None:
    assert check_text("🦆" * 16, 16) == "🦆" * 16
    assert refused_for(lambda: check_text("🦆" * 17, 16)) == "too_long"


def heard(text: str) -> tuple[Command | None, str]:
    """What parse makes of a frame: a command, or the code of its refusal."""
    try:
        return parse(text)[0], ""
    except Refused as refused:
        return None, refused.code


def signal(value: str) -> str:
    return f'{{"do":"signal","room":"general","data":{{"x":{value}}}}}'


def refused_for(check: Callable[[], str]) -> str | None:
    try:
        check()
    except Refused as refused:
        return refused.code
    return None
