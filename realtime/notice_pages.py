"""Pages about notices: those for whoever looks, and for admins all of them, writing one, and how far each has come."""

import csv
from collections.abc import Callable, Iterator
from datetime import date
from itertools import groupby
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from realtime.notices import chart, clock, notices, publishing, receipts, statistics
from realtime.notices.drafts import Draft
from realtime.notices.forms import NoticeForm
from realtime.notices.models import Notice
from realtime.notices.told import Managed
from realtime.protocol import Receipts, Refused
from tenants.actor import SignedInRequest
from tenants.keyset import cut
from tenants.problems import Problem
from tenants.roles import may, page

PAGE = 20
OFFERED = 12  # templates, to begin with
State = Notice.State
OVER = (State.PUBLISHING, State.LIVE, State.EXPIRED, State.WITHDRAWN)


@never_cache
@page("notices.listed")
def listed(request: SignedInRequest) -> HttpResponse:
    """What was told to whoever looks, the newest first."""
    actor = request.actor
    found = notices.mine(actor.organization, actor.user_id, before=_number(request.GET.get("before")), limit=PAGE + 1)
    shown, on = cut(found, PAGE, lambda notice: notice.event.seq)
    context = {
        "shown": shown,
        "next": on,
        "paged": "before" in request.GET,
        "may_publish": may(actor, "notices.publish"),
    }
    return render(request, "realtime/notices.html", context)


@never_cache
@require_POST
@page("notices.mark")
def acknowledge(request: SignedInRequest) -> HttpResponse:
    """For browsers without scripts."""
    seq = _number(request.POST.get("seq"))
    back = "undo" in request.POST
    try:
        marked = [seq] if seq is not None else []
        receipts.mark(request.actor, Receipts(unacknowledged=marked) if back else Receipts(acknowledged=marked))
    except Refused as refused:
        messages.error(request, refused.detail)
    return redirect("notices")


@never_cache
@page("notices.managed")
def managed(request: SignedInRequest) -> HttpResponse:
    """All notices: what is coming, by day; drafts and templates; and what has been told, with how far it has come."""
    actor, before = request.actor, _number(request.GET.get("before"))
    found = statistics.managed(actor, states=OVER, before=before, limit=PAGE + 1)
    shown, on = cut(found, PAGE, lambda notice: notice.id)
    context = {
        "coming": list(_by_day(statistics.managed(actor, states=[State.SCHEDULED], limit=500))),
        "drafts": statistics.managed(actor, states=[State.DRAFT], limit=100),
        "templates": statistics.managed(actor, states=[State.TEMPLATE], limit=100),
        "shown": shown,
        "next": on,
        "paged": before is not None,
        "zone": clock.zone().key,
    }
    return render(request, "realtime/notices_managed.html", context)


@never_cache
@page("notices.publish")
def compose(request: SignedInRequest) -> HttpResponse:
    return _composed(request, publishing.publish)


@never_cache
@page("notices.change")
def change(request: SignedInRequest, notice_id: int) -> HttpResponse:
    row = _one(notice_id)
    if row.state not in publishing.UNPUBLISHED:
        return redirect("notice", notice_id)

    def changed(actor: Any, draft: Draft, *, keep: State | None) -> Notice:
        return publishing.change(actor, notice_id, draft, keep=keep)

    return _composed(request, changed, row)


@never_cache
@page("notices.statistics")
def one(request: SignedInRequest, notice_id: int) -> HttpResponse:
    """How far one notice has come. While somebody looks, the page asks again and again."""
    _one(notice_id)
    told = statistics.statistics(request.actor, notice_id)
    after = _number(request.GET.get("after"))
    people = statistics.missing(request.actor, notice_id, after=after, limit=PAGE + 1) if told.notice.seq else []
    shown, on = cut(people, PAGE, lambda line: line.user_id)
    context = {
        "notice": told.notice,
        "row": _one(notice_id),
        "told": told,
        "bars": chart.bars(told),
        "lines": chart.lines(told.course),
        "size": chart.SIZE,
        "people": shown,
        "next": on,
        "paged": after is not None,
        "zone": clock.zone().key,
    }
    return render(request, "realtime/notice.html", context)


@never_cache
@page("notices.export")
def export(request: SignedInRequest, notice_id: int) -> HttpResponse:
    """Everybody it was for and what has become of it with them, as CSV."""
    _one(notice_id)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="notice-{notice_id}.csv"'
    answer.write("\ufeff")  # without it, a well-known program takes it for another encoding
    sheet = csv.writer(answer)
    sheet.writerow(COLUMNS)
    for line in statistics.export(request.actor, notice_id):
        sheet.writerow([_cell(getattr(line, column)) for column in COLUMNS])
    return answer


@never_cache
@require_POST
@page("notices.withdraw")
def withdraw(request: SignedInRequest, notice_id: int) -> HttpResponse:
    publishing.withdraw(request.actor, notice_id)
    messages.success(request, _("Withdrawn: it is gone from every page within two seconds."))
    return redirect("notice", notice_id)


@never_cache
@require_POST
@page("notices.resend")
def resend(request: SignedInRequest, notice_id: int) -> HttpResponse:
    count = publishing.resend(request.actor, notice_id)
    sentence = ngettext("%(count)d person is reminded.", "%(count)d people are reminded.", count)
    messages.success(request, sentence % {"count": count})
    return redirect("notice", notice_id)


@never_cache
@require_POST
@page("notices.duplicate")
def duplicate(request: SignedInRequest, notice_id: int) -> HttpResponse:
    return redirect("notice_change", publishing.duplicate(request.actor, notice_id).pk)


@never_cache
@require_POST
@page("notices.discard")
def discard(request: SignedInRequest, notice_id: int) -> HttpResponse:
    publishing.discard(request.actor, notice_id)
    messages.success(request, _("Thrown away."))
    return redirect("notices_managed")


Publishing = Callable[..., Notice]


def _composed(request: SignedInRequest, publish: Publishing, row: Notice | None = None) -> HttpResponse:
    actor = request.actor
    form = NoticeForm(request.POST if request.method == "POST" else None, actor, row)
    if form.is_valid() and (made := _made(request, form, publish)):
        if made.state in publishing.KEPT:
            return redirect("notices_managed")
        return redirect("notice", made.pk)
    templates = statistics.managed(actor, states=[State.TEMPLATE], limit=OFFERED) if row is None else []
    context = {
        "form": form,
        "row": row,
        "templates": templates,
        "zone": clock.zone().key,
        "now": timezone.localtime(None, clock.zone()),
    }
    return render(request, "realtime/notice_form.html", context, status=422 if form.errors else 200)


def _made(request: SignedInRequest, form: NoticeForm, publish: Publishing) -> Notice | None:
    draft = form.draft()
    try:
        made = publish(request.actor, draft, keep=_keep(request.POST.get("keep")))
    except ValidationError as error:
        for field, sentences in error.message_dict.items():
            form.add_error(field if field in form.fields else "audience", sentences)
        return None
    except Refused as refused:
        form.add_error(
            "title" if draft.title and refused.code != "empty" and len(draft.message) else "message", refused.detail
        )
        return None
    except Problem as problem:
        form.add_error("audience", problem.detail)
        return None
    messages.success(request, _SAID[str(made.state)])
    if draft.publish_at and clock.is_skipped(draft.publish_at, clock.zone()) and made.publish_at:
        at = made.publish_at.astimezone(clock.zone())
        sentence = _("%(written)s does not exist on that day, when summer time begins. It comes at %(at)s.")
        messages.warning(request, sentence % {"written": f"{draft.publish_at:%H:%M}", "at": f"{at:%H:%M}"})
    return made


def _keep(wish: str | None) -> State | None:
    return None if wish is None else State.TEMPLATE if wish == State.TEMPLATE else State.DRAFT


_SAID = {
    str(State.TEMPLATE): gettext_lazy("Kept as a template."),
    str(State.DRAFT): gettext_lazy("Kept as a draft."),
    str(State.SCHEDULED): gettext_lazy("Scheduled."),
    str(State.PUBLISHING): gettext_lazy("It is being published."),
    str(State.LIVE): gettext_lazy("Published."),
}

COLUMNS = (
    "user_id",
    "user",
    "email",
    "role",
    "targeted",
    "late",
    "delivered_at",
    "seen_at",
    "acknowledged_at",
    "mailed_at",
)


def _cell(value: object) -> str:
    """Programs for tables run what begins like a formula: names are people's own words."""
    text = "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _by_day(coming: list[Managed]) -> Iterator[tuple[date, list[tuple[Any, Managed]]]]:
    """What is scheduled, by the organisation's days."""
    where = clock.zone()
    rows = Notice.objects.filter(pk__in=[each.id for each in coming]).values_list("pk", "publish_at")
    times = {pk: at.astimezone(where) for pk, at in rows if at}
    timed = sorted(((times[each.id], each) for each in coming if each.id in times), key=lambda pair: pair[0])
    for day, those in groupby(timed, key=lambda pair: pair[0].date()):
        yield day, list(those)


def _one(notice_id: int) -> Notice:
    row = (
        Notice.objects.select_related("author", "supersedes").filter(pk=notice_id).first()
        if notice_id < 2**63
        else None
    )
    if row is None:
        raise Http404
    return row


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None
