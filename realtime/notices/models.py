"""What an organisation's admins tell everybody. One stream per organisation, numbered like a room."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Stream(models.Model):
    """One row, made by the first notice: the highest number of the stream."""

    seq = models.BigIntegerField()


class Notice(models.Model):
    class Level(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        URGENT = "urgent"

    seq = models.BigIntegerField(unique=True)
    changed_seq = models.BigIntegerField(unique=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False)
    title = models.CharField(max_length=120, blank=True)
    body = models.TextField()
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.INFO)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["seq"]
