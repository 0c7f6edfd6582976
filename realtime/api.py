"""An organisation's REST API: everything under /api/v1/ of its host."""

from realtime.chat.api import router as messages
from realtime.chat.rooms_api import router as rooms
from realtime.notices.api import router as notices
from realtime.presence_api import router as presence
from realtime.protocol import Refused
from tenants import problems
from tenants.described import API
from tenants.people.api import router as people
from tenants.people.authentication import ApiAuth
from tenants.people.idempotency import idempotent
from tenants.people.sessions_api import router as sessions
from tenants.people.settings_api import router as organization

STATUS = {"rate_limited": 429, "not_found": 404, "forbidden": 403, "not_joined": 409, "unknown": 503}

api = API(
    title="Conclave",
    version="1",
    description="The API of one organisation, found by the host name. Errors are application/problem+json with a code.",
    auth=ApiAuth(),
    docs_url=None,
    urls_namespace="organization",
)
problems.install(api)
api.add_decorator(idempotent(api), mode="view")
api.add_router("", people)
api.add_router("", sessions)
api.add_router("", organization)
api.add_router("", messages)
api.add_router("", rooms)
api.add_router("", notices)
api.add_router("", presence)


@api.exception_handler(Refused)
def refused(request, refusal: Refused):  # type: ignore[no-untyped-def]
    """What a socket is told as an `error` event, REST is told as a problem with the same code."""
    problem = problems.Problem(STATUS.get(refusal.code, 422), refusal.code, refusal.detail, refusal.retry_after)
    return problems.response(problem)
