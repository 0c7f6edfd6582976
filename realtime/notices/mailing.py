"""Notices by mail, for those who have not seen them after the time that the admin has given."""

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from realtime.notices.models import Notice, Receipt
from tenants.directory import Space
from tenants.people.adapter import link, write_to

STEP = 100  # letters in one transaction


def write(space: Space, notice_id: int) -> None:
    """A letter each, in steps: wherever it is killed, nobody is written to twice."""
    while _step(notice_id):
        pass


@transaction.atomic
def _step(notice_id: int) -> bool:
    row = Notice.objects.select_for_update(of=("self",)).select_related("author").get(pk=notice_id)
    if row.state != Notice.State.LIVE or row.mail_at is None:
        return False
    verified = EmailAddress.objects.filter(user=OuterRef("user"), email=OuterRef("user__email"), verified=True)
    waiting = Receipt.objects.filter(
        Exists(verified), notice=row, targeted=True, seen_at=None, mailed_at=None, user__is_active=True
    )
    receipts = list(waiting.select_related("user").order_by("pk")[:STEP])
    page = link("notices")
    for receipt in receipts:
        write_to(receipt.user.email, "realtime/mail/notice", notice=row, url=page, name=receipt.user.name)
    Receipt.objects.filter(pk__in=[each.pk for each in receipts]).update(mailed_at=timezone.now())
    if len(receipts) < STEP:
        Notice.objects.filter(pk=row.pk).update(mail_at=None)
    return len(receipts) == STEP
