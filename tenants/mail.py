"""Mail is a job: it leaves if the transaction that wrote it commits, and a mail server that is away delays it only."""

import base64
from collections.abc import Sequence
from email import message_from_bytes, policy

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend as Smtp

from tenants import jobs
from tenants.directory import Space
from tenants.schema import current_key


class QueuedBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        key = current_key()
        for message in email_messages:
            mail = base64.b64encode(message.message().as_bytes()).decode()
            task = send_for_organization if key else send_for_operators
            jobs.later(key, task, mail=mail, sender=message.from_email, to=message.recipients())
        return len(email_messages)


@jobs.for_tenants
def send_for_organization(space: Space, mail: str, sender: str, to: list[str]) -> None:
    _send(mail, sender, to)


@jobs.for_everybody()
def send_for_operators(mail: str, sender: str, to: list[str]) -> None:
    _send(mail, sender, to)


def _send(mail: str, sender: str, to: list[str]) -> None:
    smtp = Smtp(timeout=settings.EMAIL_TIMEOUT)
    smtp.open()
    try:
        assert smtp.connection is not None
        parsed = message_from_bytes(base64.b64decode(mail), policy=policy.SMTP)
        smtp.connection.send_message(parsed, from_addr=_bare(sender), to_addrs=to)
    finally:
        smtp.close()


def _bare(address: str) -> str:
    from email.utils import parseaddr

    return parseaddr(address)[1]
