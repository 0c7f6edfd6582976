"""The policy lets run what the page itself prints, and nothing else."""

import re
from base64 import b64encode
from hashlib import sha256
from types import SimpleNamespace

from django.template.loader import render_to_string
from django.test import RequestFactory

from saas.csp import policy


def test_the_one_inline_script_of_a_page_is_the_one_that_the_policy_names() -> None:
    page = render_to_string("404.html")
    (inline,) = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(sha256(inline.encode()).digest()).decode()
    assert rules()["script-src"] == f"'self' 'sha256-{digest}'"


def test_no_page_has_an_inline_style_or_handler() -> None:
    page = render_to_string("404.html")
    assert "<style" not in page
    assert not re.search(r"\s(style|on\w+)=", page)


def test_only_the_public_site_may_post_to_other_hosts_and_only_to_spaces() -> None:
    assert rules()["form-action"] == "'self' http://*.localhost:8000"
    assert rules(organization=SimpleNamespace(name="Acme"))["form-action"] == "'self'"


def test_sockets_are_opened_to_the_page_s_own_host_only() -> None:
    assert rules(host="acme.localhost:8000")["connect-src"] == "'self' ws://acme.localhost:8000"


def rules(host: str = "localhost:8000", organization: object = None) -> dict[str, str]:
    request = RequestFactory().get("/", headers={"host": host})
    request.organization = organization  # type: ignore[attr-defined]
    return dict(rule.split(" ", 1) for rule in policy(request).split("; "))
