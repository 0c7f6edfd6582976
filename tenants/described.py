"""How an API describes itself at openapi.json: beside what Django Ninja finds out, which role an operation takes, how
it says no, and what may be repeated."""

from typing import Any

from django.conf import settings
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from tenants import problems
from tenants.people.idempotency import HEADER, MOST_KEY, REPLAYED
from tenants.roles import GUEST, RIGHTS

REFUSALS = {
    "400": "The body is not JSON.",
    "401": "Who asks is not known here.",
    "403": "Not yours to do: `forbidden`; or `csrf`, `unverified`, `second_factor_required`.",
    "404": "There is no such thing, or you may not see it.",
    "409": "It does not go with how things are now.",
    "413": "The body is too large.",
    "422": "Something in the request is missing or wrong.",
    "429": "Too many at once; `retry_after` says when.",
    "503": "It cannot be answered now, or it is not known whether it has happened.",
}

PROBLEM = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Keeps its meaning. For programs."},
        "detail": {"type": "string", "description": "A sentence. For people."},
        "retry_after": {"type": "number", "description": "Seconds."},
        "fields": {"type": "object", "description": "What is wrong with which field."},
    },
    "required": ["type", "title", "status", "code", "detail"],
}

REPEATABLE = {
    "in": "header",
    "name": HEADER,
    "required": False,
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{MOST_KEY}}}$"},
    "description": "Of your making, for this one request. Repeated with the same key within 24 hours, it happens once"
    f" and is answered the same, with `{REPLAYED}: true`. Another request with the key: 422 `idempotency_mismatch`. One"
    " that is still being answered: 409 `in_progress`. What was refused is tried anew; an answer with a secret is told"
    " once, and then 409 `answered_already`.",
}

SECURITY = {
    "token": {"type": "http", "scheme": "bearer"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.SESSION_COOKIE_NAME,
        "description": "Of a signed-in browser. Whatever changes something needs the page's CSRF token as X-CSRFToken.",
    },
}

Described = dict[str, Any]


class API(NinjaAPI):
    """An API whose description is complete."""

    def get_openapi_schema(self, **where: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**where)
        for path in schema["paths"].values():
            for method, operation in path.items():
                _complete(method, operation)
        schema["components"]["schemas"]["Problem"] = PROBLEM
        if schema["components"].get("securitySchemes"):
            schema["components"]["securitySchemes"] = SECURITY
        return schema


def _complete(method: str, operation: Described) -> None:
    if "security" in operation:
        operation["security"] = [{name: []} for name in SECURITY]
        operation["x-role"] = least_role(operation["operationId"])
        if method == "post":
            operation["parameters"].append(REPEATABLE)
    told = {"description": "", "content": {problems.KIND: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status in _refusals(method, operation):
        operation["responses"][status] = told | {"description": REFUSALS[status]}


def least_role(operation_id: str) -> str:
    """By the table; whoever is signed in may ask who they are."""
    return str(GUEST if operation_id == "session" else RIGHTS[operation_id].least)


def _refusals(method: str, operation: Described) -> list[str]:
    """The statuses with which this operation may say no."""
    statuses = {"429", "503"}
    if "security" in operation:
        statuses |= {"401", "403"}
    if operation["parameters"] or "requestBody" in operation:
        statuses |= {"404", "422"}
    if method != "get":
        statuses |= {"404", "409"}
    if "requestBody" in operation:
        statuses |= {"400", "413"}
    return sorted(statuses)
