"""The table of roles and the code say the same: each verb has a row, each row a verb, and the audit log hears of those
that the table wants there."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import realtime.consumers
import saas.urls
import saas.urls_public
from tenants.problems import Problem
from tenants.roles import RIGHTS, VERBS, Role, may, page, require, verb
from tests.cast import somebody
from tests.test_homes import ROOT, where

LOADED = (saas.urls, saas.urls_public, realtime.consumers)  # everything that people can reach

PACKAGES = ("saas", "tenants", "realtime", "billing")

# What has the Actor first and is no verb, each with its reason.
NO_VERBS = {
    "tenants/roles.py:may": "asks the table",
    "tenants/roles.py:require": "asks the table",
    "tenants/roles.py:run": "is what a verb becomes",
    "tenants/people/audit.py:note": "is called by verbs",
    "tenants/people/credentials.py:again": "looks at the actor itself once more",
    "tenants/people/invitations.py:rooms_for": "serves invitations.make",
    "tenants/people/second_factor.py:require_enrolled": "is asked before any verb",
    "tenants/doors.py:require_enrolled": "is asked before any verb",
    "tenants/people/settings.py:public_rooms": "serves settings.change",
    "realtime/conversation.py:shown": "puts together what messages.page and messages.one tell",
    "realtime/crowds.py:hears": "decides for each listener what the hub lets through",
    "realtime/notices/audience.py:good": "serves notices.publish and notices.change",
    "realtime/notices/drafts.py:good": "serves notices.publish and notices.change",
    "realtime/notices/statistics.py:known": "asks the table, and answers nothing to others",
    "realtime/chat/messages.py:admit": "asks the table, as the beginning of messages.post",
    "realtime/chat/introductions.py:own_and_public_rooms": "serves invitations.make",
    "realtime/chat/introductions.py:people_of_the_same_rooms": "serves members.listed",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Found:
    """A function of the code that begins with the Actor."""

    place: str  # tenants/people/tokens.py:issue
    name: str | None  # of the verb, if it is one
    node: Function


def files() -> list[Path]:
    found = [file for package in PACKAGES for file in ROOT.joinpath(package).rglob("*.py")]
    assert len(found) > 100, "a short list proves little"
    return found


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def first_annotation(function: Function) -> str:
    given = [*function.args.posonlyargs, *function.args.args]
    return ast.unparse(given[0].annotation) if given and given[0].annotation else ""


def declared(function: Function) -> str | None:
    """The name in its @verb(…)."""
    for each in function.decorator_list:
        match each:
            case ast.Call(func=ast.Name(id="verb"), args=[ast.Constant(value=str(name))]):
                return name
    return None


def with_actor(path: str, tree: ast.AST) -> Iterator[Found]:
    for function in functions(tree):
        if declared(function) or (first_annotation(function) == "Actor" and not function.name.startswith("_")):
            yield Found(f"{path}:{function.name}", declared(function), function)


def everything() -> list[Found]:
    return [found for file in files() for found in with_actor(where(file), ast.parse(file.read_text()))]


def test_whatever_begins_with_the_actor_is_a_verb_or_says_why_not() -> None:
    plain = {found.place for found in everything() if found.name is None}
    assert plain == set(NO_VERBS)


def test_a_function_that_begins_with_the_actor_is_found() -> None:
    planted = "def erase(actor: Actor) -> None: ...\n@verb('rooms.open')\n@atomic\ndef open(actor: Actor) -> None: ..."
    assert [(each.place, each.name) for each in with_actor("x.py", ast.parse(planted))] == [
        ("x.py:erase", None),
        ("x.py:open", "rooms.open"),
    ]


def test_every_verb_is_outermost_so_that_the_right_is_asked_before_a_transaction_begins() -> None:
    for found in everything():
        if found.name:
            assert declared(ast.FunctionDef(decorator_list=found.node.decorator_list[:1])) == found.name, found.place


def test_every_row_of_the_table_is_a_verb_or_a_power_that_is_asked_for() -> None:
    verbs = [found.name for found in everything() if found.name]
    assert len(verbs) == len(set(verbs)), "two verbs of one name"
    assert set(verbs) == set(VERBS), "what is declared is loaded"
    powers = set(RIGHTS) - set(verbs)
    assert powers <= asked_for(), "a row that nobody asks for"
    assert all(power.endswith((".moderate", ".announce")) for power in powers)


def asked_for() -> set[str]:
    """Names given to may() and require() anywhere."""
    asked = set()
    for file in files():
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="may" | "require"), args=[_, ast.Constant(value=str(name))]):
                    asked.add(name)
    return asked


def test_whatever_is_asked_for_has_a_row() -> None:
    assert asked_for() <= set(RIGHTS)


def test_a_verb_or_a_page_without_a_row_does_not_even_load() -> None:
    for mark in (verb, page):
        with pytest.raises(KeyError):
            mark("rooms.burn")


def refusals() -> Iterator[tuple[str, str]]:
    """Every verb, with each role that is too small for it."""
    for name, right in RIGHTS.items():
        yield from ((name, role) for role in Role if not role.at_least(right.least))


def test_whose_role_is_too_small_is_refused_before_anything_is_read() -> None:
    """Called with the Actor alone, and with no schema to read in: a verb that began would fail otherwise."""
    tried = 0
    for name, role in refusals():
        assert not may(somebody(role), name)
        if name in VERBS:
            with pytest.raises(Problem) as no:
                VERBS[name](somebody(role))
            assert (no.value.status, no.value.code) == (403, "forbidden"), (name, role)
            tried += 1
    assert tried > 30, "a short list proves little"


def test_whose_role_suffices_is_let_in() -> None:
    for name, right in RIGHTS.items():
        for role in Role:
            if role.at_least(right.least):
                require(somebody(role), name)
                assert may(somebody(role), name)
    assert [role.at_least(Role.MODERATOR) for role in Role] == [True, True, True, False, False]


def test_the_audit_log_hears_of_what_the_table_wants_there_and_of_nothing_else() -> None:
    noted = [pair for file in files() for pair in notes(ast.parse(file.read_text()))]
    assert [pair for pair in noted if pair[0] != pair[1]] == [], "a verb that writes another's name"
    assert {name for _, name in noted} == {name for name, right in RIGHTS.items() if right.audited}


def notes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(Verb that notes, name that it writes). One that leaves it to a private function gives that its own name."""
    for function in functions(tree):
        for call in calls(function, "audit.note"):
            match call.args[1]:
                case ast.Constant(value=str(name)):
                    yield declared(function) or function.name, name
                case ast.Name():
                    yield from names_given(tree, function.name)
                case other:
                    yield function.name, ast.unparse(other)


def names_given(tree: ast.AST, to: str) -> Iterator[tuple[str, str]]:
    for function in functions(tree):
        for call in calls(function, to):
            texts = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            yield declared(function) or function.name, "; ".join(texts)


def calls(function: Function, of: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call) and ast.unparse(node.func) == of)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("@verb('a.b')\ndef b(actor): audit.note(actor, 'a.b')", [("a.b", "a.b")]),
        ("@verb('a.b')\ndef b(actor): audit.note(actor, 'a.c')", [("a.b", "a.c")]),
        ("def b(actor): audit.note(actor, 'a.b')", [("b", "a.b")]),
        ("def _set(actor, v): audit.note(actor, v)\n@verb('a.b')\ndef b(actor): _set(actor, 'a.c')", [("a.b", "a.c")]),
    ],
)
def test_who_writes_whose_name_is_seen(planted: str, found: list[tuple[str, str]]) -> None:
    assert list(notes(ast.parse(planted))) == found
