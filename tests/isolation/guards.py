"""Every guard that isolation stands on, in one place, with the way to take it out and the attempt that then succeeds.

test_mutations.py removes each in turn: a guard whose removal nobody notices is not tested.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.db.models import Q, Value
from django.test import override_settings
from django_tenants.postgresql_backend.base import DatabaseWrapper as TheirBackend

from realtime import groups
from realtime.chat import hosting, messages, rooms
from realtime.chat.models import Room
from realtime.layers import tenant as tenant_layer
from realtime.notices import audience, notices
from realtime.rights import Rights
from tenants import control, directory, doors, roles, schema, tickets
from tenants.actor import Actor
from tenants.db.base import DatabaseWrapper
from tenants.people import (
    authentication,
    credentials,
    idempotency,
    invitations,
    known,
    members,
    owners,
    resets,
    second_factor,
)
from tenants.people.models import Answer, Invitation, User


@dataclass(frozen=True)
class Guard:
    name: str
    removed: Callable[[], AbstractContextManager[Any]]
    noticed_by: str  # the attempt that is tried first when it is gone


def nothing(*args: Any, **kwargs: Any) -> None:
    """What a check does that is not there."""


async def not_looking(*args: Any) -> None:
    """What a check does that is made on the event loop, and is not there."""


@contextmanager
def entered_with_public(schema_name: str) -> Iterator[None]:
    before, with_public = schema.connection.tenant, schema.connection.include_public_schema
    schema.connection.set_tenant(schema.Path(schema_name), include_public=True)
    try:
        yield
    finally:
        schema.connection.set_tenant(before, include_public=with_public)


@contextmanager
def entered_nowhere(schema_name: str) -> Iterator[None]:
    yield


def anybody(space: Any) -> Any:
    """An unknown host is served as whichever organisation is first."""
    if space is not None:
        return space
    return next(iter(directory._spaces.values()))


def first_host(scope: Any) -> str:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return hosts[0].decode().partition(":")[0]


def group_without_key(key: str, kind: str, part: str) -> groups.Group:
    return groups.Group(key, f"c.{kind}.{part}")


def redeemed_anywhere(space: Any, ticket: str) -> int | None:
    row = tickets.Ticket.objects.filter(token_hash=credentials.digest(ticket)).first()
    return row.user_id if row else None


def last_one_in(presented: Any) -> list[Actor]:
    """A session of anywhere counts as the owner's here."""
    owner = User.objects.order_by("pk")[0]
    return [credentials.actor_of(each.space, owner, credentials.digest(each.secret)) for each in presented]


def known_anywhere(space: Any, credential: str, client: str) -> Actor | None:
    """Who was let in lately, wherever that was."""
    return next((held.actor for (_, known_by), held in known._known.items() if known_by == credential), None)


def whoever_it_is(actor: Actor, user_id: int) -> tuple[owners.Held, User]:
    held = owners.hold(actor.user_id, user_id)
    return held, held[user_id]


def of(target: Any, name: str, new: Any) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch.object(target, name, new)


POST_ANYWHERE = messages._POST.replace("AND EXISTS", "AND TRUE OR EXISTS").replace("m.user_id = %(author)s)", "FALSE)")

GUARDS = [
    Guard("an unknown host is refused", of(doors, "require_known", anybody), "a_host_where_nobody_lives"),
    Guard("two Host headers are none", of(doors, "host_name", first_host), "two_host_headers"),
    Guard("a suspended organisation is refused", of(doors, "require_active", nothing), "a_suspended_organisation"),
    Guard("a schema behind is refused", of(doors, "require_current_schema", nothing), "a_schema_behind_the_code"),
    Guard("a cookie needs its own origin", of(doors, "require_own_origin", nothing), "a_socket_from_a_foreign_page"),
    Guard(
        "a session is one of this schema",
        of(credentials, "by_sessions", last_one_in),
        "a_session_of_the_other_organisation",
    ),
    Guard(
        "who is known is known in one place", of(known, "actor", known_anywhere), "a_token_of_the_other_organisation"
    ),
    Guard(
        "a session asks for the CSRF token",
        of(authentication, "check_csrf", nothing),
        "a_request_forged_by_a_foreign_page",
    ),
    Guard(
        "cookies are of one host",
        lambda: override_settings(CSRF_COOKIE_DOMAIN=".localhost"),
        "cookies_for_more_than_one_host",
    ),
    Guard(
        "forwarded headers need a configured proxy",
        lambda: override_settings(PROXIES=1),
        "an_address_that_the_client_made_up",
    ),
    Guard("a group's name holds the key", of(groups, "_group", group_without_key), "a_room_of_the_same_name"),
    Guard(
        "a channel is used by its owner",
        of(tenant_layer, "_own", lambda key, channel: channel[len("t.") + len(key) + 1 :]),
        "the_channel_layer_in_anothers_name",
    ),
    Guard(
        "the layer is used by an organisation",
        of(tenant_layer, "_key", lambda: tenant_layer.current_key.get("") or "aaaaaaaaaa"),
        "the_channel_layer_in_nobodys_name",
    ),
    Guard(
        "the schema is set for every call", of(schema, "entered", entered_nowhere), "a_query_in_the_neighbours_schema"
    ),
    Guard("public is out of sight", of(schema, "entered", entered_with_public), "a_table_that_only_public_has"),
    Guard(
        "a SET that fails is an error",
        of(DatabaseWrapper, "_handle_search_path", TheirBackend._handle_search_path),
        "a_schema_that_could_not_be_set",
    ),
    Guard(
        "a job asks whether its organisation is served",
        of(directory, "by_key", lambda key, find=directory.by_key: _as_if_active(find(key))),
        "a_job_of_a_suspended_organisation",
    ),
    Guard(
        "a session holds the password's mark",
        of(credentials, "belongs", lambda held, user: True),
        "a_session_from_before_the_password_changed",
    ),
    Guard(
        "who is deactivated has no credentials",
        of(credentials, "_active", User.objects.all),
        "a_token_of_somebody_deactivated",
    ),
    Guard(
        "a ticket is of one organisation",
        of(tickets, "redeem", redeemed_anywhere),
        "a_ticket_at_the_other_organisation",
    ),
    Guard(
        "a confirmation is a row, not a signed number",
        lambda: override_settings(ACCOUNT_EMAIL_CONFIRMATION_HMAC=True),
        "a_confirmation_link_of_the_same_row_elsewhere",
    ),
    Guard(
        "a reset link is bound to the organisation",
        of(resets, "current_key", nothing),
        "a_reset_link_for_an_identical_account",
    ),
    Guard("who posts is in the room", of(messages, "_POST", POST_ANYWHERE), "a_post_into_a_room_one_is_not_in"),
    Guard(
        "guests see their own rooms",
        of(rooms, "_visible", lambda actor, see=rooms._visible: see(_as_member(actor))),
        "a_guest_in_a_room_nobody_let_him_into",
    ),
    Guard(
        "a private room is its members'",
        of(rooms, "_visible", lambda actor: Room.objects.annotate(joined=Value(True))),
        "a_private_room_of_others",
    ),
    Guard(
        "a room is changed by who looks after it",
        of(hosting, "is_hosted_by", lambda room, actor: True),
        "a_room_changed_by_somebody_who_does_not_look_after_it",
    ),
    Guard(
        "a conversation stays between those who began it",
        of(hosting, "_titled", rooms.visible),
        "a_third_one_in_a_conversation_of_two",
    ),
    Guard(
        "who is put out is looked at again",
        of(Rights, "_look_at_membership", not_looking),
        "a_socket_of_somebody_who_was_put_out",
    ),
    Guard(
        "addresses of private rooms cannot be tried",
        of(rooms, "_OURS", re.compile("(?!)")),
        "an_address_tried_to_find_a_private_room",
    ),
    Guard(
        "a verb asks for the role",
        of(roles, "require", nothing),
        "a_notice_from_somebody_who_is_no_admin",
    ),
    Guard(
        "a token that only reads does nothing",
        of(roles, "require", lambda actor, verb, ask=roles.require: ask(_as_if_writing(actor), verb)),
        "a_notice_by_a_token_that_only_reads",
    ),
    Guard(
        "a notice is heard by those whom it is for",
        of(notices, "hearers", lambda row: None),
        "a_notice_for_somebody_else",
    ),
    Guard(
        "a notice is read by those whom it is for",
        of(audience, "visible", lambda user_id: Q()),
        "a_notice_for_somebody_else",
    ),
    Guard(
        "only owners touch owners",
        of(members, "_within_reach", whoever_it_is),
        "an_admin_who_gets_rid_of_an_owner",
    ),
    Guard("there is always an owner", of(owners, "require_another", nothing), "the_last_owner_who_leaves"),
    Guard(
        "nobody invites to more than they are",
        of(invitations, "_require_role", nothing),
        "an_invitation_to_be_more_than_the_one_who_made_it",
    ),
    Guard(
        "an invitation stands as long as its maker",
        of(invitations, "usable", Invitation.objects.all),
        "an_invitation_of_somebody_who_is_out",
    ),
    Guard(
        "the API asks for the second factor that is required",
        of(second_factor, "require_enrolled", nothing),
        "the_api_without_the_second_factor_that_is_required",
    ),
    Guard(
        "sockets ask for the second factor that is required",
        of(doors, "require_enrolled", nothing),
        "a_socket_without_the_second_factor_that_is_required",
    ),
    Guard(
        "a kept answer is of one person",
        of(idempotency, "_kept", lambda user_id: Answer.objects.all()),
        "an_answer_that_was_kept_for_somebody_else",
    ),
    Guard("control reaches open sockets", of(control, "_listeners", []), "a_socket_whose_session_has_ended"),
    Guard(
        "control is looked at again by who comes late",
        of(control.Watch, "recent", lambda self: []),
        "a_right_that_ended_while_the_socket_was_opening",
    ),
    Guard(
        "nothing is delivered when control is stale",
        of(control, "fresh", lambda: True),
        "delivery_while_nobody_knows_who_may_hear",
    ),
]


def _as_if_active(space: Any) -> Any:
    from dataclasses import replace

    return replace(space, state="active") if space else None


def _as_if_writing(actor: Actor) -> Actor:
    from dataclasses import replace

    return replace(actor, reads_only=False)


def _as_member(actor: Actor) -> Actor:
    from dataclasses import replace

    return replace(actor, role="member")
