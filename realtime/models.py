"""Who is online, in the public schema: one lease per server process, and per organisation that it serves one row."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Process(models.Model):
    """A server process that is alive until `lease`; whom it holds online counts no longer than that."""

    name = models.CharField(max_length=32, primary_key=True)  # random, made when it starts
    lease = models.DateTimeField()


class Online(models.Model):
    """The people of one organisation who have sockets in one process."""

    process = models.ForeignKey(Process, on_delete=models.CASCADE, db_index=False)
    key = models.CharField(max_length=10)
    people = ArrayField(models.BigIntegerField())
    at = models.DateTimeField(db_index=True)  # of its last change, by the database's clock

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "process"], name="realtime_online_once")]
