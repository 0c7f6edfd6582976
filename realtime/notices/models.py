"""What an organisation's admins tell its people, and who has heard. One stream for each, numbered like a room."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy


class Stream(models.Model):
    """One row, made by the first notice: the highest number of the stream."""

    seq = models.BigIntegerField()


class Notice(models.Model):
    class Level(models.TextChoices):
        INFO = "info", gettext_lazy("Information")
        IMPORTANT = "important", gettext_lazy("Important")
        URGENT = "urgent", gettext_lazy("Urgent")

    class State(models.TextChoices):
        TEMPLATE = "template", gettext_lazy("Template")
        DRAFT = "draft", gettext_lazy("Draft")
        SCHEDULED = "scheduled", gettext_lazy("Scheduled")
        PUBLISHING = "publishing", gettext_lazy("Being published")
        LIVE = "live", gettext_lazy("Live")
        EXPIRED = "expired", gettext_lazy("Expired")
        WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")

    class Audience(models.TextChoices):
        EVERYBODY = "everybody", gettext_lazy("Everybody, also those who join later")
        ROLES = "roles", gettext_lazy("Everybody with these roles")
        ROOMS = "rooms", gettext_lazy("Everybody in these rooms")
        PEOPLE = "people", gettext_lazy("These people")
        ONLINE = "online", gettext_lazy("Whoever is online then")
        MISSING = "missing", gettext_lazy("Those who have not acknowledged another notice")

    class Repeats(models.TextChoices):
        NEVER = "", gettext_lazy("Never")
        DAILY = "daily", gettext_lazy("Every day")
        WEEKDAYS = "weekdays", gettext_lazy("From Monday to Friday")
        WEEKLY = "weekly", gettext_lazy("Every week")
        MONTHLY = "monthly", gettext_lazy("Every month")

    # Numbers of the stream: at its publication, and at its latest change. None before.
    seq = models.BigIntegerField(unique=True, null=True)
    changed_seq = models.BigIntegerField(unique=True, null=True)
    # None: those who run the installation
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, db_index=False)
    title = models.CharField(max_length=120, blank=True)
    body = models.TextField()  # as written
    html = models.TextField(null=True)  # as rendered; None: the body is plain text
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.INFO)
    at = models.DateTimeField(db_default=Now())  # of its publication; before, of its making
    state = models.CharField(max_length=10, choices=State.choices, default=State.LIVE, db_default=State.LIVE)
    audience = models.CharField(
        max_length=10, choices=Audience.choices, default=Audience.EVERYBODY, db_default=Audience.EVERYBODY
    )
    of = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))  # roles, rooms, people, notice
    needs_ack = models.BooleanField(default=False, db_default=False)
    dismissible = models.BooleanField(default=True, db_default=True)
    publish_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    repeats = models.CharField(max_length=10, choices=Repeats.choices, blank=True, default="", db_default="")
    wished_at = models.CharField(max_length=20, blank=True, default="", db_default="")  # local time, as it was written
    remind_every = models.PositiveIntegerField(null=True)  # minutes
    remind_most = models.PositiveSmallIntegerField(default=0, db_default=0)
    reminded = models.PositiveSmallIntegerField(default=0, db_default=0)  # times, by the clock and by hand
    remind_at = models.DateTimeField(null=True)
    mail_after = models.PositiveIntegerField(null=True)  # minutes; None: no mail
    mail_at = models.DateTimeField(null=True)  # None: nothing is to be mailed, or it has been
    supersedes = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+", db_index=False)
    origin = models.CharField(max_length=40, null=True, unique=True)  # what it was made of, once only
    # How far the publication has come: everybody up to this person has a receipt, and so many they are.
    began_at = models.DateTimeField(null=True)
    reached = models.BigIntegerField(default=0, db_default=0)
    targeted = models.PositiveIntegerField(default=0, db_default=0)
    ended_at = models.DateTimeField(null=True)  # withdrawn or expired

    class Meta:
        ordering: ClassVar = ["seq"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="notices_notice_numbered_once_public",
                condition=Q(state__in=("template", "draft", "scheduled", "publishing"), seq=None, changed_seq=None)
                | Q(state__in=("live", "expired", "withdrawn"), seq__isnull=False, changed_seq__isnull=False),
            ),
        ]


class Receipt(models.Model):
    """What has become of one notice with one person."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="receipts", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    targeted = models.BooleanField(default=True, db_default=True)  # False: joined later
    late = models.BooleanField(default=False, db_default=False)  # got it on a page opened afterwards
    delivered_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["notice", "user"], name="notices_receipt_once")]
