"""The cast: organisations and people of the tests, made by the product's own verbs in this process."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tenants import organizations
from tenants.actor import Actor
from tenants.directory import Space
from tenants.people import credentials
from tenants.people.models import Role, User
from tenants.schema import entered
from tenants.signals import joined

T = TypeVar("T")
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="cast")

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Member:
    """Somebody with an account and a token."""

    actor: Actor
    token: str = field(repr=False)

    @property
    def name(self) -> str:
        return self.actor.name


@dataclass(frozen=True)
class Org:
    space: Space
    owner: Member

    @property
    def key(self) -> str:
        return self.space.key

    def add(self, name: str, role: Role = Role.MEMBER) -> Member:
        def join() -> Member:
            user = User.objects.create_user(f"{name}@{self.space.slug}.example", PASSWORD, name=name, role=role)
            joined.send(Space, space=self.space, user_id=user.pk)
            return _member(self.space, user)

        return self.inside(join)

    def inside(self, verb: Callable[..., T], *args: Any) -> T:
        """Call a verb in this organisation's schema: from any test, also one that runs on an event loop."""

        def call() -> T:
            with entered(self.space.schema_name):
                return verb(*args)

        return _THREAD.submit(call).result()

    def outside(self, verb: Callable[..., T], *args: Any) -> T:
        """Call a verb of the installation, in the public schema."""
        return _THREAD.submit(verb, *args).result()


def found(name: str, *, owner: str = "owner", slug: str | None = None, mailbox: str | None = None) -> Org:
    """A new organisation under an address of its own, its owner verified."""
    slug = slug or f"{name}-{secrets.token_hex(4)}"
    space = organizations.sign_up(name.title(), slug, f"{mailbox or owner}@{slug}.example", PASSWORD, client=None).space
    with entered(space.schema_name):
        from allauth.account.models import EmailAddress

        EmailAddress.objects.update(verified=True)
        user = User.objects.get()
        user.name = owner
        user.save()
        return Org(space, _member(space, user))


def _member(space: Space, user: User) -> Member:
    _, token = credentials.issue(user, "test")
    return Member(credentials.by_token(space, token), token)  # type: ignore[arg-type]


def founds(name: str, **how: Any) -> Org:
    """The same from a test that runs on an event loop."""
    return _THREAD.submit(lambda: found(name, **how)).result()


def somebody(role: str = Role.MEMBER) -> Actor:
    """An Actor of nowhere, for what needs no database."""
    space = Space(1, "nowhere000", "Nowhere", "nowhere", "active", "e", 1)
    return Actor(space, 1, "somebody", role, "somebody@nowhere.example", True, "")
