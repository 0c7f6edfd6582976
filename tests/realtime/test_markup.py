"""Markdown to HTML: what people write looks like something; what attackers write looks like text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.markup import MOST_HTML, MOST_MARKS, mentioned, named, render

NAUGHTY: list[str] = json.loads((Path(__file__).parent.parent / "data" / "blns.json").read_text())
NAMES = {7: "Bob", 8: '<img src=x onerror="alert(1)">'}
LINK = 'target="_blank" rel="noopener noreferrer nofollow"'

ALLOWED = {
    **{tag: set() for tag in ("p", "br", "em", "strong", "s", "code", "pre", "blockquote", "ul", "li")},
    "ol": {"start"},
    "a": {"href", "target", "rel"},
    "span": {"class", "data-user-id"},
}


class Inspector(HTMLParser):
    """Reads HTML as a browser would, and fails at whatever we do not write."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        given = dict(attributes)
        assert given.keys() <= ALLOWED[tag], given
        if "href" in given:
            assert re.match(r"https?://|mailto:", given["href"] or "", re.IGNORECASE), given
        if tag == "a":
            assert (given["target"], given["rel"]) == ("_blank", "noopener noreferrer nofollow")
        if tag == "span":
            assert given["class"] == "mention"
            assert int(given["data-user-id"] or "") in NAMES
        if tag == "ol":
            assert (given.get("start") or "1").isdigit()
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def inspect(text: str) -> str | None:
    """The HTML of a text, after a look at every tag of it."""
    html = render(text, NAMES)
    if html is not None:
        inspector = Inspector()
        inspector.feed(html)
        inspector.close()
        assert inspector.open == []
        assert len(html) <= MOST_HTML
    return html


PIECES = st.sampled_from(
    [
        *"*_`~[]()<>!&\\:/-+1. \n\t\"'#|={}",
        "**", "~~", "```", "> ", "- ", "1. ", "    ", "](", "<@7>", "<@8>", "<@9>", "http://a.b", "https://", "mailto:",
        "javascript:", "JaVaScRiPt&colon;", "data:text/html,", "vbscript:", "<script>", "</p>", "<img src=x onerror=x>",
        "<!--", "<![CDATA[", "<?", "&lt;", "&#x3c;", "&#0;", "&Tab;", "\u202e", "\u2028", "\x0b", "\x7f", "é", "👍",
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=1000)
@given(st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join))
@example("[x](javascript:alert(1))")
@example("[x](java\nscript:alert(1))")
@example("[x](&#106;avascript:alert(1))")
@example("<javascript:alert(1)>")
@example("![x](javascript:alert(1))")
@example("[a]: javascript:alert(1)\n\n[a]")
@example('[x](http://a "onclick=alert(1)")')
@example('```" onclick="alert(1)\nx\n```')
@example("http://a.b/'onmouseover='alert(1)")
@example("<@8>")
@example("[<@8>](http://a.b)")
@example("<http://a.b/\" onclick='x>")
def test_whatever_is_written_has_only_our_tags_and_attributes(text: str) -> None:
    inspect(text)


@pytest.mark.parametrize(
    "around", ["{}", "**{}**", "> {}", "- {}", "[{}](http://a.b)", "[a]({})", "<{}>", "```\n{}\n```"]
)
def test_naughty_strings_have_only_our_tags_and_attributes(around: str) -> None:
    for text in NAUGHTY:
        inspect(around.format(text))


@settings(deadline=None, max_examples=300)
@given(st.lists(st.text(st.characters(exclude_characters="*_`~[\\&<>:\r\n-+", exclude_categories=["Nd", "Cs"]))))
def test_plain_text_is_left_alone(lines: list[str]) -> None:
    assert render("\n".join(lines), {}) is None


@pytest.mark.parametrize("text", ["1. first", "- one\n- two", "a *b*", "`x`", "~~no~~", "http://a.b", "> so", "<@7>"])
def test_what_is_more_than_plain_text_is_rendered(text: str) -> None:
    assert render(text, NAMES) is not None


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>"),
        ("a\n**b**", "<p>a<br>\n<strong>b</strong></p>"),
        ("```py\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("> so\n\n1. a\n2. b", "<blockquote>\n<p>so</p>\n</blockquote>\n<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("7. a", '<ol start="7">\n<li>a</li>\n</ol>'),
        ("[a](/b) [c](//d.e)", "<p>[a](/b) [c](//d.e)</p>"),
        ("<a@b.c>", f'<p><a href="mailto:a@b.c" {LINK}>a@b.c</a></p>'),
        ("# a *b*", "<p># a <em>b</em></p>"),
        ("*a*\n===", "<p><em>a</em><br>\n===</p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("<@7> hi", '<p><span class="mention" data-user-id="7">@Bob</span> hi</p>'),
        ("<@9> hi", "<p>&lt;@9&gt; hi</p>"),
        ("`<@7>`", "<p><code>&lt;@7&gt;</code></p>"),
        ("[a](https://b.c)", f'<p><a href="https://b.c" {LINK}>a</a></p>'),
        ("![a](https://b.c)", f'<p>!<a href="https://b.c" {LINK}>a</a></p>'),
        ("<https://b.c>", f'<p><a href="https://b.c" {LINK}>https://b.c</a></p>'),
    ],
)
def test_markdown_as_far_as_chat_needs_it(text: str, html: str) -> None:
    assert inspect(text) == html


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://a.bc/x_y_z, ok", "https://a.bc/x_y_z"),
        ("(https://a.bc/X_(y))", "https://a.bc/X_(y)"),
        ("**https://a.bc**", "https://a.bc"),
        ("is it http://a.bc?x=1&y=2?", "http://a.bc?x=1&y=2"),
        ("https://a.bc/<@7>", "https://a.bc/"),
    ],
)
def test_a_bare_address_is_a_link_without_the_punctuation_around_it(text: str, address: str) -> None:
    shown = address.replace("&", "&amp;")
    assert f'<a href="{shown}" {LINK}>{shown}</a>' in str(inspect(text))


@pytest.mark.parametrize(
    "text", ["xhttps://a.bc", "https://", "ftp://a.bc", "`https://a.bc`", "www.a.bc:80", "https:a.bc"]
)
def test_what_only_looks_like_an_address_is_no_link(text: str) -> None:
    assert "<a" not in (inspect(text) or "")


def test_mentions_are_found_once_each_in_their_order() -> None:
    assert named("<@7> <@12><@7> <@0> <@x> <@> @7 <@99999999999999999999>") == [7, 12]
    assert mentioned(render("<@8> <@7> <@12><@7>", NAMES)) == [8, 7]
    assert mentioned(render('`<@7>` \\<@7> *a* <span class="mention" data-user-id="7">', NAMES)) == []
    assert mentioned(None) == []


MARKS = ["[", "]", "*", "_", "`", "<", ">", "~", "**a", "a*", "*a ", "a** ", "***a", "*a_", "a~~", "`a", "[a](", "[]("]
MARKS += [
    "![",
    "[[a]](b)",
    "[a]: b\n",
    "<a",
    "<http:",
    "<@7>",
    "<!--",
    "&",
    "> ",
    "* a\n",
    "  - a\n",
    "1. a\n",
    "```\n",
]


@pytest.mark.parametrize("seed", MARKS)
def test_a_text_with_too_many_marks_is_shown_as_it_was_written(seed: str) -> None:
    """The parser takes time with the square of them."""
    assert render(seed * (MOST_MARKS + 1), NAMES) is None
    inspect(seed * (MOST_MARKS // max(1, len(seed))))


NO_MARKS = [
    "a",
    ":",
    "://",
    "a://",
    "http://",
    "http://a.",
    "http://((",
    "https://a.b/)",
    "mailto:a@",
    "#",
    "|",
    "=",
    "-",
]
NO_MARKS += ["1.", "- - ", "-\t", "\n", " ", "\t", " \n", "\r\n", "=\n", "\u202e", "a\u0300"]


@pytest.mark.parametrize("seed", NO_MARKS)
def test_no_text_without_marks_takes_more_time_than_its_length(seed: str) -> None:
    """So long a text that anything with the square of its length would not come to an end."""
    inspect((seed * 400_000)[:400_000])
