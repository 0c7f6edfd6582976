"""Addresses under the base domain: what one may look like, which are kept back, which are taken."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from tenants.models import Domain, RetiredAddress
from tenants.problems import Problem

Reason = Literal["invalid", "reserved", "taken"]

_SHAPE = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38})[a-z0-9]")
_SENTENCES: dict[Reason, Any] = {
    "invalid": _("An address has 3 to 40 lower-case letters, digits and hyphens, and no hyphen at either end."),
    "reserved": _("This address is kept for the installation itself. Choose another one."),
    "taken": _("This address is taken. Choose another one."),
}


class Unavailable(Problem):
    """This address cannot be had, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(409 if reason == "taken" else 422, reason, str(_SENTENCES[reason]))
        self.reason = reason


def check(slug: str) -> None:
    """Raise Unavailable unless this address can be had now. Of two who ask at once, signing up lets one win."""
    folded = slug.lower() if slug.isascii() else ""
    if not _SHAPE.fullmatch(folded):
        raise Unavailable("invalid")
    if folded in reserved() or folded.startswith("xn--"):  # such a label shows as another script in the address bar
        raise Unavailable("reserved")
    if Domain.objects.filter(domain=folded).exists() or _retired(folded):
        raise Unavailable("taken")
    if folded != slug:
        raise Unavailable("invalid")


def _retired(slug: str) -> bool:
    return RetiredAddress.objects.filter(slug=slug, until__gt=timezone.now()).exists()


@cache
def reserved() -> frozenset[str]:
    """The names in reserved.txt: what an installation needs for itself, and what could pass for somebody official."""
    lines = Path(__file__).with_name("reserved.txt").read_text().splitlines()
    return frozenset(name for line in lines if (name := line.partition("#")[0].strip()))
