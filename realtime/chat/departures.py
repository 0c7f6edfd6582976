"""Whoever is deactivated looks after no room any more, and does not again when they are back: somebody else does."""

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from realtime.chat.models import Room
from realtime.chat.rooms import bequeath
from tenants.people.models import User
from tenants.schema import current_key


@receiver(post_save, sender=User)
def hand_rooms_on(instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any) -> None:
    if created or instance.is_active or (update_fields is not None and "is_active" not in update_fields):
        return
    if current_key() is None:
        return  # operators, in public, have no rooms
    with transaction.atomic():
        for room in Room.objects.select_for_update(no_key=True).filter(made_by_id=instance.pk).order_by("pk"):
            bequeath(room, instance.pk)
