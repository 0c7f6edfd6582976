"""What becomes of messages: edited, deleted, reacted to; seen live by some, later by others, and by nobody else."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import OperationalError, connection

from realtime.chat import changes, hosting, listening, messages, replays, rooms
from realtime.chat.models import Message
from realtime.protocol import Edit, Post, React, Refused
from realtime.socket import answering
from tenants.schema import entered
from tests.cast import Org
from tests.clients import nothing_for, opened
from tests.realtime.changing import delete, edit, posted, react, say, seq_of
from tests.running import Running

# Seen live, seen later.


async def test_changes_are_seen_live_by_everybody_in_the_room_and_by_nobody_else(
    server: Running, acme: Org, globex: Org
) -> None:
    bob = acme.add("bob")
    async with (
        opened(server, acme, by=acme.owner) as alice,
        opened(server, acme, by=bob) as other,
        opened(server, acme, "/ws/chat/general/", by=bob) as script,
        opened(server, globex, by=globex.owner) as mallory,
    ):
        for client in (alice, other, mallory):
            await client.asks("hello")
        await mallory.posts("of globex")
        await alice.posts("first words")
        answer = await alice.asks("edit", room="general", seq=1, message="**better** words")
        assert (answer["on"], answer["seq"], answer["changed_seq"]) == ("ack", 1, 2)
        assert (await other.asks("react", room="general", seq=1, emoji="🎉"))["changed_seq"] == 3
        assert (await alice.asks("delete", room="general", seq=1))["changed_seq"] == 4
        for client in (alice, other, script):
            edited = await client.hears(on="changed", changed_seq=2)
            assert (edited["message"], edited["html"]) == ("**better** words", "<p><strong>better</strong> words</p>")
            assert edited["edited"]
            reacted = await client.hears(on="changed", changed_seq=3)
            assert reacted["reactions"] == [{"emoji": "🎉", "users": [bob.actor.user_id]}]
            gone = await client.hears(on="changed", changed_seq=4)
            assert (gone["seq"], gone["deleted"], gone["message"]) == (1, True, "")
            assert not {"html", "mentions", "reactions"} & gone.keys()
            assert client.changes() == [1, 2, 3, 4]
        await mallory.asks("edit", room="general", seq=1, message="still of globex")
        await mallory.hears(on="changed", message="still of globex")
        assert mallory.changes() == [1, 2]
        nothing_for(mallory, "words")
        nothing_for(mallory, "🎉")


async def test_who_was_offline_is_told_how_things_stand_now(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    for text in ("one", "two", "three"):
        say(acme, acme.owner, text)
    edit(acme, acme.owner, 1, "one, edited")
    react(acme, acme.owner, 2)
    delete(acme, acme.owner, 3)
    say(acme, acme.owner, "four")
    edit(acme, acme.owner, 7, "four, edited")
    async with (
        opened(server, acme, by=bob) as page,
        opened(server, acme, "/ws/chat/general/?since=3", by=bob) as script,
    ):
        await page.asks("hello", rooms={"general": 3})
        replay = await page.hears(on="replay")
        assert [(each["seq"], each["changed_seq"]) for each in replay["messages"]] == [(1, 4), (2, 5), (3, 6), (7, 8)]
        assert (replay["through"], replay["complete"]) == (8, True)
        await script.hears(seq=7)
        assert [(frame["on"], frame["seq"], frame["message"]) for frame in script.heard] == [
            ("changed", 1, "one, edited"),
            ("changed", 2, "two"),
            ("changed", 3, ""),
            ("message", 7, "four, edited"),
        ]
        assert script.heard[1]["reactions"] == [{"emoji": "👍", "users": [acme.owner.actor.user_id]}]
        for client in (page, script):
            nothing_for(client, "three")
    async with opened(server, acme, "/ws/chat/general/?since=0", by=bob) as newcomer:
        await newcomer.hears(seq=7)
        assert {frame["on"] for frame in newcomer.heard} == {"message"}


async def test_what_the_layer_has_lost_is_repaired_as_what_it_is(acme: Org, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in several readings: a message that nobody has heard yet is new, however late it was changed."""
    for text in ("one", "two", "three", "four"):
        say(acme, acme.owner, text)
    edit(acme, acme.owner, 1, "one, edited")
    edit(acme, acme.owner, 2, "two, edited")
    monkeypatch.setattr(replays, "REPLAY_PAGE", 2)
    read = listening.reader(acme.space, "general")
    for _ in range(2):
        heard, number, complete = [], 1, False
        while not complete:
            missed = await read(number)
            heard += [json.loads(text) for _, text in missed.changes]
            number, complete = missed.through, missed.complete
        assert [(each["on"], each["seq"]) for each in heard] == [
            ("message", 3),
            ("message", 4),
            ("changed", 1),
            ("message", 2),
        ]


# What a deletion leaves.


async def test_a_deletion_leaves_no_word_behind(server: Running, acme: Org) -> None:
    bob = acme.add("bob")
    seq = say(acme, acme.owner, f"the **password** is swordfish <@{bob.actor.user_id}>")
    react(acme, bob, seq, "🐟")
    delete(acme, acme.owner, seq)

    def row() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SELECT m::text FROM chat_message m WHERE body = '' AND html IS NULL AND mentions IS NULL")
            return str(cursor.fetchone()[0])

    told = [acme.inside(row)]
    with server.client(acme.space.slug, token=bob.token) as http:
        for path in ("/messages", "/messages/1", "/messages?before=9", "/messages?after=0"):
            answer = http.get(f"/api/v1/rooms/general{path}")
            assert answer.status_code == 200
            assert '"deleted":true' in answer.text.replace(" ", "")
            told.append(answer.text)
        told.append(http.post("/api/v1/rooms/general/messages", json={"message": "another"}).text)
    async with (
        opened(server, acme, by=bob) as page,
        opened(server, acme, "/ws/chat/general/?since=0", by=bob) as script,
    ):
        await page.asks("hello", rooms={"general": 0})
        await script.hears(message="another")
        told += [json.dumps(page.heard, ensure_ascii=False), json.dumps(script.heard, ensure_ascii=False)]
    for text in told:
        assert "swordfish" not in text
        assert "🐟" not in text


def test_what_is_deleted_cannot_be_changed_again(acme: Org) -> None:
    seq = say(acme, acme.owner, "oops")
    delete(acme, acme.owner, seq)
    before = seq_of(acme)
    for change in (edit, react):
        with pytest.raises(Refused) as refused:
            change(acme, acme.owner, seq, "👍")
        assert refused.value.code == "not_found"
    assert delete(acme, acme.owner, seq).changed_seq == before == seq_of(acme)


def test_a_post_that_is_repeated_after_its_deletion_stays_deleted(acme: Org) -> None:
    post = Post(room="general", client_id="once", message="oops")
    seq = posted(acme, acme.owner, post).event.seq
    delete(acme, acme.owner, seq)
    again = posted(acme, acme.owner, post)
    assert (again.is_new, again.event.seq, again.event.deleted, again.event.message) == (False, seq, True, "")


# Numbers.


def test_a_change_that_is_repeated_changes_nothing_more(acme: Org) -> None:
    seq = say(acme, acme.owner, "hello")
    assert edit(acme, acme.owner, seq, "hi") == edit(acme, acme.owner, seq, "hi")
    assert react(acme, acme.owner, seq) == react(acme, acme.owner, seq)
    assert react(acme, acme.owner, seq, "🎉", remove=True).changed_seq == 3
    assert react(acme, acme.owner, seq, remove=True) == react(acme, acme.owner, seq, remove=True)
    assert delete(acme, acme.owner, seq) == delete(acme, acme.owner, seq)
    assert seq_of(acme) == 5


def test_changes_and_posts_at_the_same_time_get_every_number_once(acme: Org) -> None:
    people = [acme.add(f"p{number}") for number in range(6)]
    seqs = [say(acme, person, f"hello from {person.name}") for person in people]
    heard: list[int] = []

    def work(number: int) -> None:
        person, seq = people[number].actor, seqs[number]
        with entered(acme.space.schema_name):
            for turn in range(3):
                said = messages.post(person, Post(room="general", client_id=f"{number}-{turn}", message="more"))
                heard.append(said.event.changed_seq)
                heard.append(changes.edit(person, Edit(room="general", seq=seq, message=f"turn {turn}")).changed_seq)
                liked = React(room="general", seq=seqs[turn], emoji="👍")
                heard.append(changes.react(person, liked).changed_seq)
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(6)))
    assert sorted(heard) == list(range(7, 6 + 6 * 9 + 1))
    assert seq_of(acme) == 60
    rows = acme.inside(lambda: list(Message.objects.filter(seq__in=seqs[:3]).values_list("reactions", flat=True)))
    assert [len(reactions[0][1]) for reactions in rows] == [6, 6, 6]


def test_a_refused_change_burns_no_number(acme: Org) -> None:
    seq = say(acme, acme.owner, "hello")
    for words in ("", " \n", "\0", "\ud800", "x" * 16_001):
        with pytest.raises(Refused):
            edit(acme, acme.owner, seq, words)
    with pytest.raises(Refused):
        react(acme, acme.owner, seq, "no emoji")
    with pytest.raises(Refused):
        edit(acme, acme.owner, 99, "nowhere")
    assert seq_of(acme) == seq


def test_a_change_lost_on_the_way_is_answered_as_unknown_to_who_asked() -> None:
    with pytest.raises(Refused) as refused, answering("mine"):
        raise OperationalError("the connection is gone")
    assert (refused.value.code, refused.value.id, refused.value.retry_after) == ("unknown", "mine", 1.0)


# REST.


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


async def test_scripts_change_messages_over_rest(server: Running, acme: Org, globex: Org) -> None:
    bob = acme.add("bob")
    path = "/api/v1/rooms/general/messages"
    with (
        server.client(acme.space.slug, token=acme.owner.token) as alice,
        server.client(acme.space.slug, token=bob.token) as http,
    ):
        async with opened(server, acme, by=bob) as page:
            await page.asks("hello")
            said = alice.post(path, json={"message": "hello"}).json()
            assert alice.get(f"{path}/1").json() == said
            edited = alice.patch(f"{path}/1", json={"message": "*hello*"}).json()
            liked = http.put(f"{path}/1/reactions/👍🏽").json()
            assert http.put(f"{path}/1/reactions/👍🏽").json() == liked
            assert liked["reactions"] == [{"emoji": "👍🏽", "users": [bob.actor.user_id]}]
            assert http.put(f"{path}/1/reactions/%23️⃣").json()["changed_seq"] == 4
            assert http.delete(f"{path}/1/reactions/👍🏽").json()["changed_seq"] == 5
            deleted = alice.delete(f"{path}/1").json()
            for event in (edited, liked, deleted):
                assert await page.hears(on="changed", changed_seq=event["changed_seq"]) == event
            assert alice.get(f"{path}/1").json() | {"on": "changed"} == deleted | {
                "user": "alice",
                "user_id": acme.owner.actor.user_id,
                "client_id": said["client_id"],
                "at": said["at"],
            }
        own = alice.post(path, json={"message": "mine"}).json()["seq"]
        assert code(http.patch(f"{path}/{own}", json={"message": "yours"})) == (403, "forbidden")
        assert code(http.delete(f"{path}/{own}")) == (403, "forbidden")
        assert code(http.put(f"{path}/{own}/reactions/x")) == (422, "bad_command")
        assert code(http.put(f"{path}/99/reactions/👍")) == (404, "not_found")
        assert code(http.patch(f"{path}/{'9' * 30}", json={"message": "x"})) == (422, "bad_command")
        assert code(http.get(f"{path}/{'9' * 30}")) == (404, "not_found")
        assert code(http.get(f"{path}/2")) == (404, "not_found")
        assert code(http.patch(f"{path}/{own}", json={"message": ""})) == (422, "empty")
    with server.client(acme.space.slug, token=globex.owner.token) as mallory:
        for method, where in (("GET", ""), ("DELETE", ""), ("PUT", "/reactions/👍"), ("DELETE", "/reactions/👍")):
            assert code(mallory.request(method, f"{path}/{own}{where}")) == (401, "unauthorized")
    with server.client(globex.space.slug, token=globex.owner.token) as mallory:
        assert code(mallory.get(f"{path}/{own}")) == (404, "not_found")
        assert code(mallory.delete(f"{path}/{own}")) == (404, "not_found")
    with server.client(acme.space.slug, token=acme.owner.token) as alice:
        assert alice.get(f"{path}/{own}").json()["message"] == "mine"


# Mentions.


def test_only_people_of_the_room_are_mentioned(acme: Org, globex: Org) -> None:
    bob, outside = acme.add("bob"), acme.add("carol")
    room = acme.inside(lambda: rooms.open(acme.owner.actor, "Board", private=True).room)
    acme.inside(lambda: hosting.invite(acme.owner.actor, room, [bob.actor.user_id]))
    strangers = [outside.actor.user_id, globex.add("x").actor.user_id + 1000]
    text = " ".join(f"<@{each}>" for each in (bob.actor.user_id, *strangers))
    seq = say(acme, acme.owner, f"{text} `<@{acme.owner.actor.user_id}>`", room)
    row: Any = acme.inside(messages.one, bob.actor, room, seq)
    assert row.mentions == [bob.actor.user_id]
    assert "@bob</span>" in row.html
    assert "carol" not in row.html
    assert edit(acme, acme.owner, seq, f"hi <@{acme.owner.actor.user_id}>", room).mentions == [acme.owner.actor.user_id]
    assert edit(acme, acme.owner, seq, "hi all", room).mentions is None
