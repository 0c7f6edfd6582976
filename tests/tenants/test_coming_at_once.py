"""Who comes at once is looked up at once, and each is who they are."""

from datetime import timedelta

import psycopg
from allauth.usersessions.models import UserSession
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants.people import credentials
from tenants.people.credentials import Presented
from tenants.people.models import Token
from tenants.schema import entered
from tests.cast import Org
from tests.tenants.visitors import person, signed_in


def test_sessions_are_looked_up_together_and_each_is_its_own_persons(acme: Org, globex: Org) -> None:
    names = [f"P{number}" for number in range(8)]
    keys = [signed_in(acme.space, person(acme.space, name.lower())).session_key for name in names]
    foreign = signed_in(globex.space, person(globex.space, "eve")).session_key
    ended = signed_in(acme.space, person(acme.space, "gone"))
    assert ended.post("/accounts/logout/").status_code in (200, 302)
    nonsense = ["", "x" * 32, "\0", "' OR true --", "ключ"]

    with entered(acme.space.schema_name), CaptureQueriesContext(connection) as captured:
        found = credentials.by_sessions(
            [Presented(acme.space, key) for key in [*keys, foreign, ended.session_key, *nonsense]]
        )

    assert [actor and actor.name for actor in found] == [*names, *[None] * 7]
    assert len(captured) <= 4, "sessions, people, and their last use"
    with entered(globex.space.schema_name):
        assert credentials.by_session(globex.space, foreign) is not None, "eve exists, and gets in at home"


def test_tokens_are_looked_up_together_and_each_is_its_own_persons(acme: Org, globex: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(8)]
    mallory, gone = globex.owner, acme.add("gone")
    with entered(acme.space.schema_name):
        Token.objects.filter(user=gone.actor.user_id).update(expires_at=timezone.now())
    shown = [*(each.token for each in people), mallory.token, gone.token, "", "\0"]

    with entered(acme.space.schema_name), CaptureQueriesContext(connection) as captured:
        found = credentials.by_tokens([Presented(acme.space, token) for token in shown])

    assert [actor and actor.name for actor in found] == [*(each.name for each in people), *[None] * 4]
    assert len(captured) <= 4
    with entered(globex.space.schema_name):
        assert credentials.by_token(globex.space, mallory.token) is not None


def test_whoever_writes_down_the_same_last_use_is_not_waited_for(acme: Org) -> None:
    one, other = (signed_in(acme.space, person(acme.space, name)).session_key for name in ("alice", "bob"))
    before = timezone.now() - timedelta(hours=1)
    with entered(acme.space.schema_name):
        UserSession.objects.update(last_seen_at=before)
        with psycopg.connect(**connection.get_connection_params()) as elsewhere:
            table = f"{acme.space.schema_name}.usersessions_usersession"
            elsewhere.execute(f"SELECT 1 FROM {table} WHERE session_key = %s FOR UPDATE", [one])

            found = credentials.by_sessions([Presented(acme.space, key, "192.0.2.7") for key in (one, other)])

        assert all(found)
        seen = dict(UserSession.objects.values_list("session_key", "last_seen_at"))
        assert seen[one] == before
        assert seen[other] > before
        assert UserSession.objects.get(session_key=other).ip == "192.0.2.7"
