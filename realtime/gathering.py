"""Questions of one kind that come while one is being asked are asked together: one crossing for all who come then."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from tenants.actor import Actor
from tenants.directory import Space
from tenants.schema import in_tenant

A = TypeVar("A")

AT_ONCE = 100  # people in one statement


class Gathering(Generic[A]):
    """Answers each person of an organisation. Nobody waits for more than the question on its way, and their own."""

    def __init__(self, ask: Callable[[Sequence[Actor]], Mapping[int, A]], nothing: Callable[[], A]) -> None:
        self._ask, self._nothing = ask, nothing
        self._waiting: defaultdict[str, list[tuple[Actor, asyncio.Future[A]]]] = defaultdict(list)
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def of(self, actor: Actor) -> A:
        """Raises whatever the question raises."""
        space = actor.organization
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting[space.key].append((actor, answer))
        if space.key not in self._asking:
            self._asking[space.key] = asyncio.create_task(self._ask_all(space), name="gathering")
        return await answer

    async def _ask_all(self, space: Space) -> None:
        waiting = self._waiting[space.key]
        try:
            while waiting:
                batch, waiting[:] = waiting[:AT_ONCE], waiting[AT_ONCE:]
                await self._answer(space, batch)
        finally:
            del self._asking[space.key], self._waiting[space.key]

    async def _answer(self, space: Space, batch: Sequence[tuple[Actor, asyncio.Future[A]]]) -> None:
        try:
            found = await in_tenant(space, self._ask, [actor for actor, _ in batch])
        except BaseException as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error if isinstance(error, Exception) else ConnectionError("not asked"))
            if not isinstance(error, Exception):
                raise
            return
        for actor, answer in batch:
            if not answer.done():  # else whoever asked has gone
                answer.set_result(found.get(actor.user_id) or self._nothing())
