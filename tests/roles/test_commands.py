"""The table of roles × every command of the sockets."""

import pytest

from realtime.protocol import COMMANDS
from tenants.roles import GUEST, RIGHTS, Role
from tests.cast import Member, Org, found
from tests.clients import Client, opened, refused
from tests.roles.stage import Stage, newcomer
from tests.running import Running

# The verb that each command calls. `leave` and `signal` are between a socket and the room that it hears already.
VERBS = {
    "hello": "rooms.own",
    "join": "rooms.join",
    "leave": None,
    "post": "messages.post",
    "edit": "messages.edit",
    "delete": "messages.delete",
    "react": "messages.react",
    "read": "messages.mark_read",
    "signal": None,
    "receipts": "notices.mark",
}


@pytest.fixture(scope="module")
def ours(database: str) -> Org:
    return found("acme", owner="alice")


@pytest.fixture(scope="module")
def theirs(database: str) -> Org:
    return found("globex", owner="mallory")


def somebody(server: Running, org: Org, role: Role) -> tuple[Member, int]:
    """With a message of theirs."""

    def come() -> tuple[Member, int]:
        who = newcomer(org, role)
        return who, int(str(Stage(server, org, who).message()["seq"]))

    return org.inside(come)


def test_every_command_is_listed_with_its_verb() -> None:
    assert set(VERBS) == set(COMMANDS)
    assert {name for name in VERBS.values() if name} <= set(RIGHTS)


@pytest.mark.parametrize("role", Role)
async def test_the_table_decides_on_commands(server: Running, ours: Org, role: Role) -> None:
    who, seq = somebody(server, ours, role)
    fields = {
        "post": {"client_id": "c", "message": "words"},
        "edit": {"seq": seq, "message": "other words"},
        "react": {"seq": seq, "emoji": "👍"},
        "read": {"seq": seq},
        "delete": {"seq": seq},
        "signal": {"data": {"typing": True}},
        "receipts": {"delivered": [1], "seen": [1]},
    }
    order = ["hello", "join", "signal", "post", "edit", "react", "read", "delete", "receipts", "leave"]
    assert set(order) == set(COMMANDS)
    async with opened(server, ours, by=who) as socket:
        for do in order:
            room = {} if do in ("hello", "receipts") else {"room": "general"}
            answer = await socket.asks(do, **room | fields.get(do, {}))
            least = RIGHTS[name].least if (name := VERBS[do]) else GUEST
            assert told(answer) == ("ack" if role.at_least(least) else "forbidden"), (do, answer)


@pytest.mark.parametrize("role", Role)
async def test_the_table_decides_on_notices(server: Running, ours: Org, role: Role) -> None:
    who, _ = somebody(server, ours, role)
    async with opened(server, ours, "/ws/notification/", by=who) as socket:
        answer = await announces(socket)
    assert told(answer) == ("ack" if role.at_least(RIGHTS["notices.publish"].least) else "forbidden")


@pytest.mark.parametrize("path", ["/ws/", "/ws/chat/general/", "/ws/notification/"])
async def test_nobody_else_is_let_in_by_a_socket(server: Running, ours: Org, theirs: Org, path: str) -> None:
    assert await refused(server, theirs, path, by=theirs.owner) == 101
    assert await refused(server, ours, path, by=theirs.owner) == 401
    assert await refused(server, ours, path) == 401


async def announces(socket: Client) -> dict[str, object]:
    await socket.says({"message": "Drill at noon", "id": "n"})
    return await socket.hears(lambda frame: frame.get("id") == "n")


def told(answer: dict[str, object]) -> object:
    return answer["code"] if answer["on"] == "error" else answer["on"]
