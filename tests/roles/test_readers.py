"""A token that only reads, even the owner's: it sees what members see, and lets nothing be done."""

from dataclasses import replace

import pytest

from tenants.people import credentials
from tenants.people.models import User
from tenants.roles import RIGHTS, Role
from tests.cast import Member, Org, found
from tests.clients import Client, opened, refused
from tests.roles.stage import RECIPES, Stage, newcomer
from tests.roles.test_operations import Operation, ask, operations, prepared
from tests.running import Running


@pytest.fixture(scope="module")
def ours(database: str) -> Org:
    return found("acme", owner="alice")


def reader(org: Org, who: Member) -> Member:
    """The same person by a token that only reads."""

    def come() -> Member:
        _, token = credentials.issue(User.objects.get(pk=who.actor.user_id), "reader", reads_only=True)
        return Member(credentials.by_token(org.space, token), token)  # type: ignore[arg-type]

    return org.inside(come)


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation[0])
def test_it_reads_and_does_nothing(server: Running, ours: Org, operation: Operation) -> None:
    name = operation[0]
    who, asked = prepared(server, ours, name, Role.OWNER)

    answer = ask(server, ours, reader(ours, who).token, operation, asked)

    if name == "session" or RIGHTS[name].reads:
        assert answer.is_success, answer.text
        assert "targeted" not in answer.text, "nor how far a notice has come"
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "only reads" in answer.json()["detail"]
        assert ask(server, ours, who.token, operation, asked).is_success, "the person may, by another token"


def test_no_right_that_is_written_down_is_for_readers() -> None:
    assert not [name for name, right in RIGHTS.items() if right.reads and (right.audited or right.least != Role.GUEST)]
    assert {"messages.page", "notices.listed"} <= {name for name, right in RIGHTS.items() if right.reads}
    assert {"notices.statistics", "notices.managed"} <= set(RECIPES)


async def test_its_socket_hears_and_says_nothing(server: Running, ours: Org) -> None:
    who = ours.inside(newcomer, ours, Role.OWNER)
    message = ours.inside(lambda: Stage(server, ours, who).message())
    elsewhere = ours.inside(lambda: Stage(server, ours, ours.owner).room())
    async with opened(server, ours, by=reader(ours, who)) as socket, opened(server, ours, by=who) as person:
        assert await told(socket, "hello") == "ack"
        assert await told(socket, "join", room="general") == "ack"
        assert await told(socket, "join", room=elsewhere) == "forbidden"
        await person.asks("hello")

        for do, fields in {
            "post": {"client_id": "c", "message": "words"},
            "edit": {"seq": message["seq"], "message": "other words"},
            "react": {"seq": message["seq"], "emoji": "👍"},
            "read": {"seq": message["seq"]},
            "delete": {"seq": message["seq"]},
            "signal": {"data": {"typing": True}},
        }.items():
            attempt = fields | ({"message": "by a reader"} if "message" in fields else {})
            assert await told(socket, do, room="general", **attempt) == "forbidden", do
            if do != "delete":
                assert await told(person, do, room="general", **fields) == "ack", "the person may, by another token"
        assert await told(socket, "receipts", delivered=[1]) == "forbidden"
        assert await told(socket, "receipts", unacknowledged=[1]) == "forbidden"
        await person.posts("the last")
        assert (await socket.hears(on="message", message="the last"))["user_id"] == who.actor.user_id
    assert "other words" in str(socket.heard)
    assert "by a reader" not in str(socket.heard)


async def test_the_sockets_of_scripts_hear_and_say_nothing(server: Running, ours: Org) -> None:
    who = ours.inside(newcomer, ours, Role.ADMIN)
    reads = reader(ours, who)
    for path in ("/ws/chat/general/", "/ws/notification/"):
        async with opened(server, ours, path, by=reads) as socket:
            await socket.says({"id": 1, "message": "words"})
            assert (await socket.hears(id=1))["code"] == "forbidden", path
    room = ours.inside(lambda: Stage(server, ours, ours.owner).room())
    assert await refused(server, ours, f"/ws/chat/{room}/", by=who) == 101
    stranger = ours.inside(newcomer, ours, Role.MEMBER)
    async with opened(server, ours, f"/ws/chat/{room}/", by=reader(ours, stranger)) as socket:
        assert await socket.is_closed() == 4404


def test_it_still_only_reads_when_the_person_is_looked_at_again(ours: Org) -> None:
    reads = reader(ours, ours.inside(newcomer, ours, Role.OWNER)).actor
    assert reads.reads_only
    again = ours.inside(credentials.again, reads)
    assert again is not None
    assert again == replace(reads, expires_in=again.expires_in)


async def told(socket: Client, do: str, **fields: object) -> str:
    answer = await socket.asks(do, **fields)
    return str(answer.get("code", answer["on"]))
