"""The tour goes along every page that there is."""

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from saas.tour import STOPS

# Not pages that somebody can just look at: each with the reason.
ASIDE = {
    "chat": "sends people on to a room of theirs, or to the rooms that there are",
    "handover": "sends the browser on, by POST",
    "arrive": "takes a ticket, by POST",
    "invite": "a POST of the page of members",
    "acknowledge_notice": "a POST of the page of notices",
    "notice_receipts": "a file",
    "withdraw_notice": "a POST of the page of a notice",
    "resend_notice": "a POST of the page of a notice",
    "duplicate_notice": "a POST of the page of a notice",
    "discard_notice": "a POST of the page of a notice",
    "revoke_invitation": "a POST of the page of members",
    "change_role": "a POST of the page of members",
    "reactivate": "a POST of the page of members",
    "end_session": "a POST of the page of sessions",
    "end_other_sessions": "a POST of the page of sessions",
    "make_token": "a POST of the page of sessions",
    "end_token": "a POST of the page of sessions",
    "set_logo": "a POST of the page of settings",
    "remove_logo": "a POST of the page of settings",
    "logo": "a picture",
    "resume": "of a suspended organisation only; as suspend",
    "mfa_authenticate": "in the middle of signing in only",
    "mfa_login_webauthn": "a POST of the page of signing in",
    "mfa_activate_totp": "asks for the password first: the page `confirm`",
    "mfa_add_webauthn": "asks for the password first",
    "mfa_deactivate_totp": "of those who have one, and asks for the password first",
    "mfa_generate_recovery_codes": "asks for the password first",
    "mfa_view_recovery_codes": "of those who have some, and asks for the password first",
    "mfa_download_recovery_codes": "a file",
    "mfa_edit_webauthn": "of those who have one, and asks for the password first",
    "mfa_remove_webauthn": "of those who have one, and asks for the password first",
    "mfa_reauthenticate": "of those who have one; as `confirm`",
    "mfa_reauthenticate_webauthn": "of those who have one; as `confirm`",
}


@pytest.mark.parametrize("public", [True, False], ids=["public", "organisation"])
def test_no_page_is_left_out(public: bool) -> None:
    urls = "saas.urls_public" if public else "saas.urls"
    seen = {
        resolve(stop.path.partition("?")[0], urls).view_name
        for stop in STOPS
        if stop.public == public and _leads_somewhere(stop.path)
    }
    there = set(_names(get_resolver(urls)))
    assert len(there) > 5, "a short list proves little"
    assert sorted(there - seen - ASIDE.keys()) == []
    assert seen <= there


def _leads_somewhere(path: str) -> bool:
    return not path.startswith("/nothing/")


def _names(resolver: URLResolver) -> Iterator[str]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            if each.name:
                yield each.name
        elif not str(each.pattern).startswith("api/"):
            yield from _names(each)
