"""The audit log: every audited verb has words, admins search it, nobody else sees it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tenants.people import audit, audit_words
from tenants.people.audit_pages import AT_ONCE
from tenants.people.models import AuditEntry, Role
from tenants.roles import RIGHTS
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.visitors import Visitor, call, person, signed_in


@pytest.fixture
def admin(acme: Org) -> Visitor:
    return signed_in(acme.space, person(acme.space, "ann", role=Role.ADMIN))


def write(org: Org, what: str, whom: str = "", at: datetime | None = None, **detail: Any) -> None:
    with entered(org.space.schema_name):
        audit.note(org.owner.actor, what, whom, **detail)
        if at:
            AuditEntry.objects.filter(pk=AuditEntry.objects.latest("pk").pk).update(at=at)


def whoms(browser: Visitor, query: str = "") -> list[str]:
    answer = browser.call("GET", f"/audit{query}")
    assert answer.status_code == 200, answer.text
    return [line["whom"] for line in answer.json()["lines"]]


def test_every_audited_verb_has_words_and_no_other() -> None:
    audited = {verb for verb, right in RIGHTS.items() if right.audited}
    of_operators = {verb for verb in audit_words.SENTENCES if verb.startswith("organizations.")}

    assert len(audited) > 10, "a short list proves little"
    assert audit_words.SENTENCES.keys() - of_operators == audited
    assert {verb for verb, _words in audit_words.kinds()} == audited


def test_what_is_done_is_told_in_plain_words_on_the_page(acme: Org, admin: Visitor) -> None:
    bob = person(acme.space, "bob")
    call(acme.space, "PATCH", f"/members/{bob.pk}", acme.owner.token, {"role": "guest"})
    admin.call("PATCH", "/settings", {"email_domains": ["acme.example"]})

    page = admin.get("/audit/").text

    assert ">changed the role of Bob<" in page
    assert ">member → guest<" in page
    assert ">changed the settings<" in page
    assert ">E-mail domains: none → acme.example<" in page
    assert f"from {admin.address}" in page


def test_names_cannot_write_html_into_it(acme: Org, admin: Visitor) -> None:
    write(acme, "tokens.issue", "<script>alert(1)</script>", name="<b>")

    page = admin.get("/audit/").text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_it_is_searched_by_text_person_verb_and_time(acme: Org, admin: Visitor) -> None:
    write(acme, "members.deactivate", "Carol")
    write(acme, "members.reactivate", "Carol")
    write(acme, "members.deactivate", "Dave", at=timezone.now() - timedelta(days=3))
    admin.call("POST", "/tokens", {"name": "carols script"})
    alice = acme.owner.actor.user_id
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert whoms(admin, "?text=CAROL") == ["carols script", "Carol", "Carol"]
    assert whoms(admin, f"?text=carol&who={alice}") == ["Carol", "Carol"]
    assert whoms(admin, "?verb=members.deactivate") == ["Dave", "Carol"]
    assert whoms(admin, f"?verb=members.deactivate&since={yesterday}") == ["Carol"]
    assert whoms(admin, f"?verb=members.deactivate&until={yesterday}") == ["Dave"]
    assert whoms(admin, "?text=100%25") == []


def test_the_page_searches_by_whole_days(acme: Org, admin: Visitor) -> None:
    write(acme, "members.deactivate", "Carol", at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    write(acme, "members.deactivate", "Dave", at=datetime(2026, 3, 2, 0, 30, tzinfo=UTC))

    first = admin.get("/audit/?since=2026-03-01&until=2026-03-01").text
    admin.call("PATCH", "/settings", {"time_zone": "Europe/Berlin"})  # where half past eleven is the next day
    shifted = admin.get("/audit/?since=2026-03-02&until=2026-03-02").text

    assert ("account of Carol" in first, "account of Dave" in first) == (True, False)
    assert ("account of Carol" in shifted, "account of Dave" in shifted) == (True, True)


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=9999-12-31",
        "since=0001-01-01",
        "before=-1",
        "before=99999999999999999999",
        "who=999999",
    ],
)
def test_nonsense_in_a_search_finds_nothing_and_breaks_nothing(admin: Visitor, query: str) -> None:
    assert admin.get(f"/audit/?{query}").status_code == 422


def test_older_lines_are_a_page_away_and_each_is_told_once(acme: Org, admin: Visitor) -> None:
    for number in range(AT_ONCE + 5):
        write(acme, "tokens.end", f"token {number}")

    found: list[str] = []
    before = ""
    while True:
        answer = admin.call("GET", f"/audit?limit=20&verb=tokens.end{before}").json()
        found += [line["whom"] for line in answer["lines"]]
        if answer["next"] is None:
            break
        before = f"&before={answer['next']}"
    first = admin.get("/audit/?verb=tokens.end").text
    (older,) = [part.split('"')[0] for part in first.split('href="') if "before=" in part.split('"')[0]]
    second = admin.get(f"/audit/{older.replace('&amp;', '&')}").text

    assert found == [f"token {number}" for number in reversed(range(AT_ONCE + 5))]
    assert "token 5<" in first
    assert "token 4<" not in first
    assert "token 4<" in second
    assert "token 5<" not in second


@pytest.mark.parametrize("role", [Role.MODERATOR, Role.MEMBER, Role.GUEST])
def test_only_admins_read_it(acme: Org, role: Role) -> None:
    bob = signed_in(acme.space, person(acme.space, "bob", role=role))

    assert bob.get("/audit/").status_code == 403
    assert bob.call("GET", "/audit").status_code == 403


def test_one_organisation_reads_nothing_of_another(acme: Org, globex: Org, admin: Visitor) -> None:
    write(acme, "members.deactivate", "Carol of Acme")
    assert "Carol of Acme" in whoms(admin)

    theirs = call(globex.space, "GET", "/audit", globex.owner.token)

    assert theirs.status_code == 200
    assert "Carol" not in theirs.text
    assert call(acme.space, "GET", "/audit", globex.owner.token).status_code == 401


def test_a_verb_that_is_no_longer_known_is_told_by_its_name() -> None:
    line = AuditEntry(what="rooms.paint", whom="green", detail={"shade": None, "coats": 2, "dry": True})

    assert audit_words.sentence(line) == "rooms.paint green"
    assert audit_words.details(line) == ["coats: 2", "dry: yes"]
