"""Reactions: what is an emoji, how many a message takes, and in which order they stay."""

import pytest

from realtime.chat import changes, messages
from realtime.protocol import Reaction, Refused
from tests.cast import Org
from tests.realtime.changing import react, say


@pytest.mark.parametrize(
    "emoji",
    ["👍", "👍🏽", "❤️", "❤", "🏳️‍🌈", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪", "👨‍👩‍👧‍👦", "🕵🏽‍♂️", "#️⃣", "7⃣", "☀️", "™️", "‼️", "〰️", "🫨", "↔️", "▪️"],
)
def test_an_emoji_is_a_reaction(acme: Org, emoji: str) -> None:
    say(acme, acme.owner, "hello")
    assert react(acme, acme.owner, 1, emoji).reactions == [Reaction(emoji=emoji, users=[acme.owner.actor.user_id])]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "+1",
        ":+1:",
        "1",
        "<",
        "=",
        "👍👎",
        "👍 ",
        "\u202e",
        "\u200d",
        "\ufe0f",
        "🏽a",
        "🇩",
        "👍\u202e",
        "é",
        "👍\n",
    ],
)
def test_anything_else_is_not(acme: Org, text: str) -> None:
    say(acme, acme.owner, "hello")
    with pytest.raises(Refused) as refused:
        react(acme, acme.owner, 1, text)
    assert refused.value.code == "bad_command"


def test_reactions_keep_the_order_in_which_they_came(acme: Org) -> None:
    bob, carol = acme.add("bob"), acme.add("carol")
    seq = say(acme, acme.owner, "hello")
    for who, emoji in ((bob, "🎉"), (carol, "👍"), (bob, "👍"), (bob, "❤️"), (carol, "🎉")):
        heard = react(acme, who, seq, emoji).reactions
    one, other = bob.actor.user_id, carol.actor.user_id
    expected = [
        Reaction(emoji="🎉", users=[one, other]),
        Reaction(emoji="👍", users=[other, one]),
        Reaction(emoji="❤️", users=[one]),
    ]
    assert heard == expected
    assert acme.inside(messages.one, bob.actor, "general", seq).reactions == expected
    assert react(acme, bob, seq, "❤️", remove=True).reactions == expected[:2]


def test_a_message_takes_so_many_different_emoji(acme: Org) -> None:
    bob = acme.add("bob")
    seq = say(acme, acme.owner, "hello")
    emoji = [chr(0x1F600 + number) for number in range(changes.MOST_EMOJI)]
    for number, each in enumerate(emoji):
        react(acme, (bob, acme.owner)[number % 2], seq, each)
    with pytest.raises(Refused, match="forbidden"):
        react(acme, acme.add("carol"), seq, "🎉")
    assert len(react(acme, acme.add("dave"), seq, emoji[0]).reactions or []) == changes.MOST_EMOJI
