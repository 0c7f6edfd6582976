"""What an API says when it says no: application/problem+json (RFC 9457), with a `code` that keeps its meaning."""

import json
import logging
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja import errors as ninja

KIND = "application/problem+json"

log = logging.getLogger("conclave.api")


class Problem(Exception):
    """A request that is not granted. Verbs raise it, pages and APIs tell it; what the request wrote is taken back."""

    def __init__(self, status: int, code: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.retry_after = status, code, detail, retry_after


def install(api: NinjaAPI) -> None:
    """Let everything that this API refuses, and its own failures, be told as problems."""
    api.add_exception_handler(Problem, _told)
    api.add_exception_handler(ValidationError, _by_field)
    api.add_exception_handler(ninja.ValidationError, _malformed)
    api.add_exception_handler(ninja.HttpError, _by_status)
    api.add_exception_handler(Http404, _not_found)
    api.add_exception_handler(PermissionDenied, _forbidden)
    api.add_exception_handler(RequestDataTooBig, _too_large)
    api.add_exception_handler(OperationalError, _away)
    api.add_exception_handler(InterfaceError, _away)
    api.add_exception_handler(Exception, _failed)


def response(problem: Problem, **more: Any) -> HttpResponse:
    """The problem as a response. Inside a transaction it also takes back what has been written."""
    if connection.in_atomic_block:
        transaction.set_rollback(True)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    } | more
    answer = HttpResponse(status=problem.status, content_type=KIND)
    answer["Cache-Control"] = "no-store"
    if problem.retry_after is not None:
        body["retry_after"] = problem.retry_after
        answer["Retry-After"] = str(max(1, math.ceil(problem.retry_after)))
    if problem.status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = "Bearer"
    answer.content = json.dumps(body)
    return answer


class ApiRefusals:
    """What Django refuses under /api/ before or beside the API (no such address, method, origin) is a problem, too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        told = answer.status_code < 400 or answer.headers.get("Content-Type") == KIND
        if told or not request.path.startswith("/api/"):
            return answer
        status = HTTPStatus(answer.status_code)
        problem = response(Problem(status, _code(status), f"{status.description or status.phrase}."))
        if answer.has_header("Allow"):
            problem["Allow"] = answer["Allow"]
        return problem


def _code(status: HTTPStatus) -> str:
    return "internal" if status == HTTPStatus.INTERNAL_SERVER_ERROR else status.name.lower()


def _told(request: HttpRequest, problem: Any) -> HttpResponse:
    return response(problem)


def _by_field(request: HttpRequest, error: Any) -> HttpResponse:
    fields = error.message_dict if hasattr(error, "error_dict") else {}
    return response(Problem(422, "invalid", " ".join(error.messages)), **({"fields": fields} if fields else {}))


def _malformed(request: HttpRequest, error: Any) -> HttpResponse:
    """A body that is no JSON object of the right shape: the first thing wrong with it, and where."""
    first = error.errors[0]
    where = [str(part) for part in first["loc"][1:] if part not in ("payload", "body")]
    return response(Problem(422, "invalid", f"{'.'.join(where) or 'body'}: {first['msg']}."))


def _by_status(request: HttpRequest, error: Any) -> HttpResponse:
    code = "bad_json" if error.status_code == HTTPStatus.BAD_REQUEST else _code(HTTPStatus(error.status_code))
    return response(Problem(error.status_code, code, str(error)))


def _not_found(request: HttpRequest, error: Any) -> HttpResponse:
    return response(Problem(404, "not_found", "There is nothing at this address."))


def _forbidden(request: HttpRequest, error: Any) -> HttpResponse:
    return response(Problem(403, "forbidden", "This is not yours to do."))


def _too_large(request: HttpRequest, error: Any) -> HttpResponse:
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return response(Problem(413, "too_large", f"The body of a request may have at most {most} bytes here."))


def _away(request: HttpRequest, error: Any) -> HttpResponse:
    log.warning("%s %s: the database is away: %s", request.method, request.path, error)
    detail = "The database is away: it may or may not have happened. Repeat it, with the same client_id if it had one."
    return response(Problem(503, "unknown", detail, retry_after=1.0))


def _failed(request: HttpRequest, error: Any) -> HttpResponse:
    log.exception("%s %s failed", request.method, request.path)
    return response(Problem(500, "internal", "Something went wrong here. Try again later."))
