"""How often one may try to sign up: per client address, so that one cannot fill the place, and in total."""

import math
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from tenants.models import SignUpAttempt
from tenants.problems import Problem

WINDOW = timedelta(hours=1)
PER_CLIENT = 5
IN_TOTAL = 200


def note(client: str) -> None:
    """Count one more, or raise the problem `rate_limited`.

    Call it outside a transaction: it counts what everybody has committed. It writes before it counts, so of several
    at once none slips through. The refused do not count, so whoever
    keeps asking is let in when the window has moved on.
    """
    if settings.LIMITS == "unlimited":
        return
    attempt = SignUpAttempt.objects.create(client=_site_of(client))
    recent = SignUpAttempt.objects.filter(at__gt=timezone.now() - WINDOW).order_by("-at")
    for counted, limit in ((recent.filter(client=attempt.client), PER_CLIENT), (recent, IN_TOTAL)):
        times = list(counted.values_list("at", flat=True)[: limit + 1])
        if len(times) > limit:
            attempt.delete()
            raise _too_many(_until_free(times[-1]))


def _too_many(seconds: int) -> Problem:
    minutes = math.ceil(seconds / 60)
    sentence = _("Too many sign-ups at the moment. Try again in %(minutes)s minutes.") % {"minutes": minutes}
    return Problem(429, "rate_limited", sentence, retry_after=seconds)


def forget_old() -> None:
    SignUpAttempt.objects.filter(at__lt=timezone.now() - WINDOW).delete()


def _until_free(oldest: datetime) -> int:
    return max(1, math.ceil((oldest + WINDOW - timezone.now()).total_seconds()))


def _site_of(client: str) -> str:
    """An IPv6 client has 2^64 addresses for itself: its network counts as one."""
    try:
        address = ip_address(client)
    except ValueError:
        return client[:64]
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return str(address)
