"""Idempotency-Key: a POST that is repeated with the same key happens once, and is answered the same again.

The answer is kept in the transaction of what it answers, for a day, for the person who asked. Kept is only what has
happened: a refusal has changed nothing, so its repetition is tried anew. Of an answer that is told once (it says
`no-store`, for it holds a secret) it is kept that there was one; its repetition is told so, with 409.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import NinjaAPI

from tenants.people.authentication import ApiAuth
from tenants.people.models import Answer
from tenants.problems import Problem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
MOST_KEY = 100
SECRET = ""  # the kind of an answer that is not kept itself

Run = Callable[..., HttpResponse]


def idempotent(api: NinjaAPI) -> Callable[[Run], Run]:
    """Wraps the operations of this API, around everything that they do, the asking for credentials included."""

    def wrap(run: Run) -> Run:
        @wraps(run)
        def answer(request: HttpRequest, **parts: Any) -> HttpResponse:
            key = request.headers.get(HEADER)
            if key is None or request.method != "POST":
                return run(request, **parts)
            try:
                user_id = ApiAuth()(request).user_id
                return _once(user_id, key, request, lambda: run(request, **parts))
            except Exception as error:
                return api.on_exception(request, error)

        return answer

    return wrap


def _once(user_id: int, key: str, request: HttpRequest, run: Callable[[], HttpResponse]) -> HttpResponse:
    if not re.fullmatch(f"[!-~]{{1,{MOST_KEY}}}", key):
        sentence = _("%(header)s: must be 1 to %(most)d visible ASCII characters.")
        raise Problem(422, "invalid", sentence % {"header": HEADER, "most": MOST_KEY})
    _take_turn(user_id, key)
    fingerprint = _fingerprint(request)
    if (earlier := _kept(user_id).filter(key=key).first()) is not None:
        return _again(earlier, fingerprint)
    answer = run()
    if answer.status_code < 400:
        forget_old()
        _keep(user_id, key, fingerprint, answer)
    return answer


def forget_old() -> None:
    """In this organisation."""
    Answer.objects.filter(at__lte=timezone.now() - KEPT_FOR).delete()


def _take_turn(user_id: int, key: str) -> None:
    """One request with this key at a time, until its transaction ends. Who comes meanwhile does not wait: a thread
    that waits is one that serves nobody."""
    name = f"{connection.schema_name} {user_id} {key}"  # type: ignore[attr-defined]  # django-tenants' connection
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            sentence = _("A request with this key is being answered. Repeat yours in a moment.")
            raise Problem(409, "in_progress", sentence, retry_after=1.0)


def _kept(user_id: int) -> QuerySet[Answer]:
    return Answer.objects.filter(user_id=user_id, at__gt=timezone.now() - KEPT_FOR)


def _fingerprint(request: HttpRequest) -> str:
    asked = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return hashlib.sha256(asked).hexdigest()


def _again(earlier: Answer, fingerprint: str) -> HttpResponse:
    if earlier.fingerprint != fingerprint:
        raise Problem(422, "idempotency_mismatch", _("This key was used for another request. Choose a new one."))
    if earlier.kind == SECRET:
        sentence = _("This has happened already, and its answer was told once. Ask for a new one with a new key.")
        raise Problem(409, "answered_already", sentence)
    told = {"content_type": earlier.kind} if earlier.body else {}
    answer = HttpResponse(earlier.body, status=earlier.status, **told)
    answer[REPLAYED] = "true"
    return answer


def _keep(user_id: int, key: str, fingerprint: str, answer: HttpResponse) -> None:
    secret = "no-store" in answer.get("Cache-Control", "")
    Answer.objects.create(
        user_id=user_id,
        key=key,
        fingerprint=fingerprint,
        status=answer.status_code,
        kind=SECRET if secret else answer["Content-Type"],
        body="" if secret else answer.content.decode(),
    )
