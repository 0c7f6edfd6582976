"""Rooms and what is said in them. Every change of a room has a number; `Room.seq` is the highest."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Room(models.Model):
    class Kind(models.TextChoices):
        PUBLIC = "public"
        PRIVATE = "private"
        DIRECT = "direct"  # between two people, or with oneself
        GROUP = "group"  # between some people, without a title

    address = models.CharField(max_length=60, unique=True)  # immutable; what the wire calls `room`
    title = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.PUBLIC, db_default=Kind.PUBLIC)
    topic = models.CharField(max_length=250, blank=True, default="", db_default="")
    announcements = models.BooleanField(default=False, db_default=False)  # only its maker and moderators post
    archived_at = models.DateTimeField(null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    between = models.CharField(max_length=64, null=True, unique=True)  # direct, group: SHA-256 of its people's ids
    seq = models.BigIntegerField(default=0)
    made_at = models.DateTimeField(db_default=Now())
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="rooms")


class Membership(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    joined_at = models.DateTimeField(db_default=Now())
    read_seq = models.BigIntegerField(default=0, db_default=0)  # read up to this message

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["room", "user"], name="chat_membership_once")]


class Message(models.Model):
    """`seq` is its number for good; `changed_seq` that of its latest change. Each is the room's, used once."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, db_index=False)
    seq = models.BigIntegerField()
    changed_seq = models.BigIntegerField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False)
    client_id = models.CharField(max_length=64)
    body = models.TextField()  # as written; empty once deleted
    html = models.TextField(null=True)  # as rendered; None: the body is plain text
    mentions = ArrayField(models.BigIntegerField(), null=True)  # people's ids
    reactions = models.JSONField(null=True)  # [emoji, ids of people] each, in the order of their coming
    at = models.DateTimeField(db_default=Now())
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["room", "seq"], name="chat_message_seq_once"),
            models.UniqueConstraint(fields=["room", "changed_seq"], name="chat_message_changed_seq_once"),
            models.UniqueConstraint(fields=["author", "client_id"], name="chat_message_said_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["room", "seq"], name="chat_message_mentioning", condition=models.Q(mentions__isnull=False)
            )
        ]
