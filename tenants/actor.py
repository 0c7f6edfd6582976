"""Actor: who is asking, in which organisation. The first argument of every verb."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import urlencode

from tenants.directory import Space

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Actor:
    organization: Space
    user_id: int
    name: str
    role: str  # people.Role
    email: str
    email_verified: bool
    credential: str  # SHA-256 of the session key or token it came with
    proof: str = field(default="", repr=False)  # of a session: the mark of the password it was signed in with
    client_address: str = ""
    shows_presence: bool = True
    must_enroll: bool = False  # the organisation requires a second factor, and this person has none yet
    reads_only: bool = False  # came with a token that lets nothing be done
    expires_in: float = float("inf")  # seconds that the credential was good for when it was looked up

    @property
    def is_let_in(self) -> bool:
        """Nothing is left to do before the site is open to this person."""
        return not self.must_enroll

    @property
    def is_admin(self) -> bool:
        return self.role in ("owner", "admin")

    @property
    def is_owner(self) -> bool:
        return self.role == "owner"


class TenantRequest(HttpRequest):
    """A request as our views see it: the doors have said where it is and who is asking."""

    organization: Space
    actor: Actor | None
    client_address: str
    settings: Any  # of the organisation: people.Settings


class SignedInRequest(TenantRequest):
    actor: Actor


def signed_in(
    view: Callable[Concatenate[SignedInRequest, P], HttpResponse],
) -> Callable[Concatenate[Any, P], HttpResponse]:
    """For pages of people: everybody else is taken to the sign-in page, and back afterwards."""

    @wraps(view)
    def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.actor is None:
            return redirect(f"/accounts/login/?{urlencode({'next': request.get_full_path()})}")
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value]  # what Django's resolver passes is not a keyword
