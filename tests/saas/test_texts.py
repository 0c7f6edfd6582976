"""Every text that people read can be translated: templates hold no words outside translate and blocktranslate."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted(
    path for package in ("saas", "tenants", "realtime") for path in ROOT.joinpath(package).rglob("templates/**/*.html")
)
UNREAD = re.compile(
    r"{% block \w+_(?:class|data) %}.*?{% endblock %}"
    r"|{% comment .*?{% endcomment %}|{#.*?#}"
    r"|{% blocktrans.*?{% endblocktrans(?:late)? %}"
    r"|<script.*?</script>|<style.*?</style>|<!--.*?-->|{%.*?%}|{{.*?}}",
    re.DOTALL,
)
SPOKEN = re.compile(r"\b(?:aria-label|alt|title|placeholder|data-[a-z-]*(?:say|text|label))=\"([^\"]*)\"")
TAG = re.compile(r"<[^>]*>", re.DOTALL)
LETTERS = re.compile(r"[^\W\d_]{2,}")
KEYS = {"Del", "Delete", "Ctrl", "Alt", "Shift", "Esc", "Enter", "Cmd"}
NAMES = KEYS | {"Conclave", "nbsp", "middot", "hellip", "times", "larr", "rarr"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_word_of_a_template_can_be_translated(path: Path) -> None:
    assert bare(path.read_text()) == []


def test_a_bare_word_is_found() -> None:
    assert bare("<p>Hello {{ name }}</p>") == ["Hello"]
    assert bare('<a aria-label="Close">×</a>') == ["Close"]
    assert bare('<a aria-label="{% translate "Close" %}">{% translate "Hello" %}</a>{# a note #}') == []


def bare(template: str) -> list[str]:
    kept = UNREAD.sub("", template)
    texts = [TAG.sub(" ", kept), *SPOKEN.findall(kept)]
    return [word for text in texts for word in LETTERS.findall(text) if word not in NAMES]
