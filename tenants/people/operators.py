"""Operators: who runs this installation. They live in the public schema and always sign in with a second factor.

What they do to organisations is written down in a log of their own: the audit log of the public schema.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tenants.people.audit import LONGEST
from tenants.people.models import AuditEntry

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is asking, of those who run the installation."""

    user_id: int | None
    name: str
    client_address: str


COMMAND_LINE = Operator(None, "command line", "")


class OperatorRequest(HttpRequest):
    operator: Operator


def operators_only(
    view: Callable[Concatenate[OperatorRequest, P], HttpResponse],
) -> Callable[Concatenate[Any, P], HttpResponse]:
    """For operators who have shown their second factor in this very session; everybody else is shown the door."""

    @wraps(view)
    def guarded(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.organization is not None or not _is_operator(request):
            return render(request, "tenants/operators.html")
        request.operator = Operator(request.user.pk, request.user.name, request.client_address)
        return view(request, *args, **kwargs)

    return guarded  # type: ignore[return-value]  # what Django's resolver passes is not a keyword


def note(by: Operator, what: str, whom: str, **detail: Any) -> None:
    """One line of the operators' log. In the public schema, in the transaction of what was done."""
    AuditEntry.objects.create(
        who_id=by.user_id,
        name=by.name,
        what=what,
        whom=whom[:LONGEST],
        detail={name: value for name, value in detail.items() if value},
        client_address=by.client_address,
    )


def _is_operator(request: Any) -> bool:
    if not request.user.is_authenticated:
        return False
    return any(record["method"] == "mfa" for record in get_authentication_records(request, request.user))
