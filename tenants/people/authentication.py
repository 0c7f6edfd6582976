"""Who calls the API: a bearer token, or a session with its CSRF token."""

from typing import Any

from ninja.security.http import HttpAuthBase
from ninja.utils import check_csrf

from tenants.actor import Actor
from tenants.people import credentials, second_factor
from tenants.problems import Problem


class ApiAuth(HttpAuthBase):
    """Sets request.actor, or raises the problem 401; 403 for whoever has to make a second factor first.

    With an Authorization header the token alone counts: the cookie is not looked at, and nothing is forgeable across
    sites, so neither Origin nor CSRF token is asked for. With a session, whatever changes something needs both.
    """

    openapi_scheme = "bearer"

    def __call__(self, request: Any) -> Actor:
        by = self._by_token if "authorization" in request.headers else self._by_session
        request.actor = by(request)
        second_factor.require_enrolled(request.actor)
        return request.actor  # type: ignore[no-any-return]

    def _by_token(self, request: Any) -> Actor:
        kind, _space, token = request.headers["authorization"].partition(" ")
        if kind.lower() == "bearer":
            if actor := credentials.by_token(request.organization, token.strip(), request.client_address):
                return actor
        raise Problem(401, "unauthorized", "This token is not known here.")

    def _by_session(self, request: Any) -> Actor:
        if request.actor is None:
            raise Problem(401, "unauthorized", "Sign in, or send a token in the Authorization header.")
        if check_csrf(request) is not None:
            raise Problem(403, "csrf", "Send the page's CSRF token in the X-CSRFToken header.")
        return request.actor  # type: ignore[no-any-return]
