"""The operators' page of notices, on the public host: to all organisations, or to some."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache

from realtime.notices import operating
from realtime.notices.drafts import MOST_TITLE, Draft
from realtime.notices.models import Notice
from realtime.protocol import Refused
from tenants.people.operators import OperatorRequest, operators_only
from tenants.problems import Problem


class AnnounceForm(forms.Form):
    title = forms.CharField(label=gettext_lazy("Title"), required=False, max_length=MOST_TITLE)
    message = forms.CharField(
        label=gettext_lazy("What you have to say"), strip=False, max_length=16_000, widget=forms.Textarea({"rows": 5})
    )
    level = forms.ChoiceField(label=gettext_lazy("Level"), choices=Notice.Level.choices)
    needs_ack = forms.BooleanField(label=gettext_lazy("Ask everybody to acknowledge it"), required=False)
    slugs = forms.CharField(
        label=gettext_lazy("Organisations"),
        help_text=gettext_lazy("Their addresses, one a line. Empty: all of them."),
        required=False,
        max_length=100_000,
        widget=forms.Textarea({"rows": 3, "spellcheck": "false", "autocapitalize": "none"}),
    )


@never_cache
@operators_only
def announce(request: OperatorRequest) -> HttpResponse:
    form = AnnounceForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _announced(request, form):
        return redirect("operators")
    return render(request, "realtime/operators_notice.html", {"form": form}, status=422 if form.errors else 200)


def _announced(request: OperatorRequest, form: AnnounceForm) -> bool:
    said = form.cleaned_data
    draft = Draft(
        message=said["message"].replace("\r\n", "\n"),
        title=said["title"],
        level=said["level"],
        needs_ack=said["needs_ack"],
    )
    try:
        count = operating.announce(request.operator, draft, said["slugs"].split() or None)
    except (Problem, Refused) as refused:
        form.add_error("slugs" if isinstance(refused, Problem) else "message", refused.detail)
        return False
    sentence = ngettext("%(count)d organisation is told.", "%(count)d organisations are told.", count)
    messages.success(request, sentence % {"count": count})
    return True
