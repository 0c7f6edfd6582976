"""The mailbox's page. Mails are written by strangers: everything of theirs is escaped, and the page runs no script."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from html import escape

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 45rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: .5rem; padding: 1rem; margin: 1rem 0; }
h2 { font-size: 1.1rem; margin: 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .75rem; margin: .5rem 0; font-size: .9rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 0; font: inherit; }
"""

_style_hash = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_style_hash}'; base-uri 'none'; form-action 'none'"

LINK = re.compile(r"https?://[^\s<>\"']+")


def render(mails: Sequence[Mapping[str, object]]) -> str:
    shown = "".join(map(_article, mails)) or "<p>No mail yet.</p>"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mailbox</title>'
        '<meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">'
        f"<style>{STYLE}</style></head><body><h1>Mailbox</h1>{shown}</body></html>"
    )


def _article(mail: Mapping[str, object]) -> str:
    to = mail["to"]
    recipients = ", ".join(to) if isinstance(to, list) else ""
    rows = (("To", recipients), ("From", mail["sender"]), ("At", mail["at"]))
    listed = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in rows)
    return (
        f"<article><h2>{escape(str(mail['subject']))}</h2><dl>{listed}</dl>"
        f"<pre>{_with_links(str(mail['text']))}</pre></article>"
    )


def _with_links(text: str) -> str:
    parts, end = [], 0
    for found in LINK.finditer(text):
        address = escape(found.group())
        parts += [escape(text[end : found.start()]), f'<a href="{address}">{address}</a>']
        end = found.end()
    return "".join([*parts, escape(text[end:])])
