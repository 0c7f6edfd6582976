"""What gathers goes together, in its order, and no organisation waits for another's gathering."""

import asyncio
from collections.abc import Sequence

from tenants.directory import Space
from tenants.gathering import Gathering
from tests.cast import Org


class Asked:
    """What was asked together."""

    def __init__(self) -> None:
        self.crossings: list[list[str]] = []

    def __call__(self, questions: Sequence[str]) -> list[str | Exception]:
        self.crossings.append(list(questions))
        return [question.upper() for question in questions]


async def test_what_an_organisation_asks_while_it_rests_goes_together_in_its_order(acme: Org, globex: Org) -> None:
    asked, resting = Asked(), asyncio.Event()

    def rest(space: Space) -> float:
        resting.set()
        return 3.0 if space.key == acme.space.key else 0.0

    gathering = Gathering[str, str](asked, rest)
    answers = [gathering.ask(acme.space, "a")]
    await resting.wait()
    answers += [gathering.ask(acme.space, each) for each in "bc"]
    assert await gathering.ask(globex.space, "x") == "X", "it waits for nobody"
    assert asked.crossings == [["x"]]
    assert await asyncio.gather(*answers) == ["A", "B", "C"]
    assert asked.crossings == [["x"], ["a", "b", "c"]]
