"""Questions of one kind that come while one is being asked are asked together: one crossing for all who come then."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Generic, TypeVar

from tenants.actor import Actor
from tenants.directory import Space
from tenants.schema import in_tenant

Q = TypeVar("Q")
A = TypeVar("A")

AT_ONCE = 100  # questions in one crossing


class Gathering(Generic[Q, A]):
    """Asks for one organisation at a time what has gathered for it, in the order in which it came. What comes in one
    turn of the event loop goes together, too."""

    def __init__(
        self,
        answers: Callable[[Sequence[Q]], Sequence[A | Exception]],
        rest: Callable[[Space], float] = lambda space: 0.0,
    ) -> None:
        """`answers`: one for each question, on a thread, with the organisation's tables in sight. `rest`: the seconds
        that an organisation's questions are to gather for, just now."""
        self._answers, self._rest = answers, rest
        self._waiting: defaultdict[str, deque[tuple[Q, asyncio.Future[A]]]] = defaultdict(deque)
        self._asking: dict[str, asyncio.Task[None]] = {}

    def ask(self, space: Space, question: Q) -> asyncio.Future[A]:
        """The future holds the answer, or the exception in its place: whoever lets go of it must have looked."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting[space.key].append((question, answer))
        if space.key not in self._asking:
            self._asking[space.key] = asyncio.create_task(self._ask_all(space), name="gathering")
        return answer

    async def _ask_all(self, space: Space) -> None:
        waiting = self._waiting[space.key]
        try:
            while waiting:
                if len(waiting) < AT_ONCE and (rest := self._rest(space)):
                    await asyncio.sleep(rest)
                await self._ask_some(space, [waiting.popleft() for _ in range(min(len(waiting), AT_ONCE))])
        finally:
            del self._asking[space.key], self._waiting[space.key]
            for _, answer in waiting:  # the loop is stopping
                answer.cancel()

    async def _ask_some(self, space: Space, some: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await in_tenant(space, self._answers, [question for question, _ in some])
        except Exception as error:
            answers = list(repeat(error, len(some)))
        except BaseException:
            for _, answer in some:
                answer.cancel()
            raise
        for (_, waiting), found in zip(some, answers, strict=True):
            if waiting.done():  # whoever asked has gone
                continue
            if isinstance(found, Exception):
                waiting.set_exception(found)
            else:
                waiting.set_result(found)


def alone(answers: Sequence[A | Exception]) -> A:
    """The answer to somebody who has asked alone: returned, or raised."""
    (answer,) = answers
    if isinstance(answer, Exception):
        raise answer
    return answer


def by_person(
    ask: Callable[[Sequence[Actor]], Mapping[int, A]], nothing: Callable[[], A]
) -> Callable[[Sequence[Actor]], list[A | Exception]]:
    """For questions that are a person, and whose answers are found by the person's id."""

    def answers(people: Sequence[Actor]) -> list[A | Exception]:
        found = ask(people)
        return [found.get(person.user_id) or nothing() for person in people]

    return answers
