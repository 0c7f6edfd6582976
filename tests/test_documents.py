"""What the documents say is there, is there; and what must be told, is told."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from realtime.layers import DEFAULT, LAYERS
from realtime.layers.table import table
from saas.demo_people import LOGINS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
FOLDERS = ("saas", "tenants", "realtime", "billing", "infra", "benchmarks", "tests")
ENDINGS = (".py", ".js", ".css", ".html", ".md", ".toml", ".json", ".txt", ".lock")
OURS = {"up", "serve", "worker", "bench", "screenshots"}  # commands that are not Django's

every_document = pytest.mark.parametrize("document", DOCUMENTS)


@every_document
def test_every_file_and_folder_that_is_named_is_there(document: str) -> None:
    named = {*paths(code(document)), *links(document)}
    assert [path for path in sorted(named) if not is_there(path)] == []


@every_document
def test_every_target_of_make_is_there(document: str) -> None:
    named = set(re.findall(r"\bmake ([a-z]+)", code(document)))
    assert named - set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)) == set()


@every_document
def test_every_command_is_there(document: str) -> None:
    named = set(re.findall(r"\bconclave ([a-z]+)", code(document)))
    assert named - OURS - set(get_commands()) == set()


def test_every_variable_that_is_read_is_told() -> None:
    read = {*variables("saas/settings.py"), *variables("saas/wish.py")}
    assert {"CONCLAVE_URL", "DATABASE_URL", "PORT", "LAYER"} <= read
    assert read - told_variables() == {"DEBUG", "CONCLAVE_DEBUG"}, "these two are read to be refused"


def test_every_variable_that_is_told_is_read() -> None:
    assert told_variables() - {*variables("saas/settings.py"), *variables("saas/wish.py")} == {"PYTHON"}
    assert "PYTHON ?=" in MAKEFILE


def test_everything_that_make_hands_on_is_told() -> None:
    (handed_on,) = re.findall(r"^export (.+)$", MAKEFILE, re.MULTILINE)
    assert [name for name in handed_on.split() if f"`{name}" not in README] == []


def test_the_layers_that_are_told_are_those_there_are() -> None:
    told = re.findall(r"^\| `([a-z-]+)`( \(default\))? \|", README, re.MULTILINE)
    assert [name for name, _ in told] == list(LAYERS)
    assert [name for name, mark in told if mark] == [DEFAULT]


def test_the_table_of_layers_is_that_of_their_declarations() -> None:
    assert table() in (ROOT / "ARCHITECTURE.md").read_text(), "python -m realtime.layers.table"


def test_the_logins_that_are_told_are_those_of_the_demo() -> None:
    told = re.findall(r"http://(\w+)\.localhost:8000 +(\S+@\S+) / (\S+)", README)
    assert len(told) >= 3
    assert set(told) <= {(slug, email, password) for slug, email, password, _role in LOGINS}


@pytest.mark.parametrize("path", ["tenants/nowhere.py", "nowhere.py", "realtime/nowhere/", "tests/test_nowhere.py"])
def test_what_is_not_there_is_noticed(path: str) -> None:
    assert list(paths(f"see {path}, the place")) == [path]
    assert not is_there(path)


def code(document: str) -> str:
    """What stands in a document as code: between backticks, or in a block that is set in."""
    text = (ROOT / document).read_text()
    inline = re.findall(r"`([^`\n]+)`", text)
    return "\n".join([*inline, *re.findall(r"^ {4}.+$", text, re.MULTILINE)])


def links(document: str) -> list[str]:
    return re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / document).read_text())


def paths(text: str) -> Iterator[str]:
    """What looks like a file or folder of ours; addresses on the network do not."""
    for found in re.findall(r"(?<![\w/.:@*-])[\w.-]+(?:/[\w.-]+)*/?(?![\w*])", re.sub(r"\w+://\S+", "", text)):
        path = found.rstrip(".")
        if path.endswith(ENDINGS) or path.startswith(tuple(f"{folder}/" for folder in FOLDERS)):
            yield path


def is_there(path: str) -> bool:
    """A path from the root, or the end of one: `credentials.py`, `people/credentials.py`."""
    return (ROOT / path).exists() or any(any(ROOT.joinpath(folder).rglob(path)) for folder in FOLDERS)


def variables(path: str) -> Iterator[str]:
    """The names that this file reads from the environment: each is the first thing given to a reading of saas.env."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(name := node.args[0], ast.Constant):
            if isinstance(name.value, str) and re.fullmatch(r"[A-Z][A-Z_]+", name.value):
                yield name.value


def told_variables() -> set[str]:
    """Those that have a row of a table in the README."""
    return set(re.findall(r"^\| `([A-Z][A-Z_]+)`(?: \*)? \|", README, re.MULTILINE))
