"""Markdown, as much of it as messages and notices need, rendered once when they are written, and sanitised.

No headings, tables, images or raw HTML: a message is somebody's words, and must neither look like the page nor fetch
anything from elsewhere. `<@7>` mentions person 7.
"""

import re
from collections.abc import Mapping
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_MENTION = re.compile(r"<@([1-9][0-9]{0,15})>")
_DRAWN = re.compile(r'<span class="mention" data-user-id="([0-9]+)">')  # what is written as `<` is escaped
# Nothing in it that could be markup: most messages, and 60 times faster than finding that out by parsing.
_LINE = r"(?![ \t]*(?:[-+]|\d+[.)])\s)[^*_`~\[\\&<>:\r\n]*"
_PLAIN = re.compile(rf"(?:{_LINE}\n)*{_LINE}")
# A text beyond these is shown as it was written. Parsing takes time with the square of the brackets and stars.
MOST_MARKS = 4_000
MOST_HTML = 64_000  # characters
_MARK = re.compile(r"[*_`~\[\]<>&\\!]|^[ \t]*(?:[-+]|\d+[.)])\s", re.MULTILINE)
_LINK = re.compile(r"https?://|mailto:", re.IGNORECASE)
_SCHEME = re.compile(r"(?:^|[^a-zA-Z0-9])(https?)$")
_ADDRESS = re.compile(r"://[^\s<>\"\\^`{|}\[\]\x00-\x1f]+")
_CLEANER = nh3.Cleaner(
    tags={"p", "br", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span"},
    attributes={"*": set(), "a": {"href", "target"}, "span": {"data-user-id"}, "ol": {"start"}},
    allowed_classes={"span": {"mention"}},
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}},
)


def named(text: str) -> list[int]:
    """The ids of the people whom the text may mention, each once, in order."""
    return list(dict.fromkeys(int(each) for each in _MENTION.findall(text)))


def mentioned(html: str | None) -> list[int]:
    """The ids of those whom it does mention, now that it is rendered: what stands in code mentions nobody."""
    return list(dict.fromkeys(int(each) for each in _DRAWN.findall(html or "")))


def render(text: str, names: Mapping[int, str]) -> str | None:
    """Safe HTML; None if the text is plain and best shown as it is. `names`: of those who can be mentioned here."""
    if _PLAIN.fullmatch(text) or len(_MARK.findall(text)) > MOST_MARKS:
        return None
    html = _MARKDOWN.render(text, {"names": names}).rstrip("\n")
    clean = _CLEANER.clean(html)
    return clean if len(clean) <= MOST_HTML else None


def _mention(state: StateInline, silent: bool) -> bool:
    found = _MENTION.match(state.src, state.pos)
    if found is None or int(found[1]) not in state.env["names"]:
        return False
    if not silent:
        token = state.push("mention", "span", 0)
        token.meta = {"user_id": int(found[1]), "name": state.env["names"][int(found[1])]}
    state.pos = found.end()
    return True


def _render_mention(self: RendererHTML, tokens: list[Token], number: int, options: Any, env: Any) -> str:
    meta = tokens[number].meta
    return f'<span class="mention" data-user-id="{meta["user_id"]}">@{nh3.clean_text(meta["name"])}</span>'


def _address(state: StateInline, silent: bool) -> bool:
    """A bare http:// or https:// address is a link, up to a blank, and without the punctuation of its sentence.

    In one pass, unlike markdown-it's own rule, which takes seconds for some texts. It is asked at the colon.
    """
    if state.src[state.pos] != ":" or state.linkLevel:
        return False
    if not (scheme := _SCHEME.search(state.src[max(0, state.pos - 6) : state.pos])):
        return False
    if not (found := _ADDRESS.match(state.src, state.pos)):
        return False
    rest = _without_punctuation(found[0])
    address = state.md.normalizeLink(scheme[1] + rest)
    if rest == "://" or not state.md.validateLink(address):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme[1])]
        state.push("link_open", "a", 1).attrs = {"href": address}
        state.push("text", "", 0).content = scheme[1] + rest
        state.push("link_close", "a", -1)
    state.pos += len(rest)
    return True


def _without_punctuation(address: str) -> str:
    end, unopened = len(address), address.count(")") - address.count("(")
    while end > 3 and (address[end - 1] in ".,:;!?'*_~" or (address[end - 1] == ")" and unopened > 0)):
        unopened -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]
    markdown.enable(["strikethrough"])
    markdown.disable(["heading", "lheading", "hr", "code", "image", "reference", "html_block", "html_inline"])
    markdown.inline.ruler.before("autolink", "address", _address)
    markdown.inline.ruler.before("autolink", "mention", _mention)
    markdown.add_render_rule("mention", _render_mention)
    return markdown


_MARKDOWN = _markdown()
