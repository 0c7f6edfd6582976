"""The demo organisations: what they say goes through the same verbs as everything else."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from realtime import events
from realtime.chat import changes, conversations, hosting, messages, reading, rooms
from realtime.notices import publishing, receipts
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice
from realtime.protocol import Delete, Edit, Post, React, Read, Receipts, Refused
from saas.demo_people import ACME, ORGANIZATIONS, PASSWORD, Organization, Person
from tenants import directory, organizations
from tenants.actor import Actor
from tenants.directory import Space
from tenants.people import credentials, invitations
from tenants.people.models import User
from tenants.schema import entered
from tenants.signals import joined


def make() -> Iterator[str]:
    """Whatever is missing of them; yields the address of each when it is there."""
    for wanted in ORGANIZATIONS:
        space = directory.look_up(f"{wanted.slug}.{settings.BASE_DOMAIN}") or _sign_up(wanted)
        with entered(space.schema_name):
            if User.objects.count() == 1:
                _fill(space, wanted)
        yield wanted.slug
    events.flush()


def _sign_up(wanted: Organization) -> Space:
    owner = wanted.people[0]
    return organizations.sign_up(wanted.name, wanted.slug, owner.email, PASSWORD, client=None).space


@transaction.atomic
def _fill(space: Space, wanted: Organization) -> None:
    people = _people(space, wanted.people)
    for address, title in wanted.rooms:
        rooms.open(people[0], title, address)
        for person in people[1:]:
            rooms.join(person, [address])
    for number, (room, who, text) in enumerate(wanted.said):
        messages.post(people[who], Post(room=room, client_id=f"demo-{number}", message=text))
    title, text = wanted.notice
    publishing.publish(people[0], Draft(message=text, title=title))
    if wanted is ACME:
        _enliven(people)


def _enliven(people: list[Actor]) -> None:
    """What goes beyond saying things: rooms that not everybody sees, changes, and something new to everybody."""
    ada, bruno, chana, dai, elif_, gil = people
    board = rooms.open(ada, "Board", private=True, topic="Numbers that are not public yet").room
    hosting.invite(ada, board, [bruno.user_id, gil.user_id])
    hosting.change(ada, "launch", topic="Countdown, weather, go or no go")
    for number, (room, who, text) in enumerate(
        [
            (board, ada, "Budget for the second stage: *approved*."),
            (board, gil, "Thank you! The auditors are happy, too."),
            ("general", bruno, f"<@{ada.user_id}> <@{dai.user_id}> who brings the cake on Friday?"),
            ("general", dai, "Me! 🎂 Chocolate."),
            ("general", bruno, "Wrong room, sorry."),
            (conversations.direct(dai, [ada.user_id]).room, dai, "Do you have a minute for the trajectory?"),
            (conversations.direct(chana, [ada.user_id, bruno.user_id]).room, chana, "Lunch at one?"),
        ]
    ):
        messages.post(who, Post(room=room, client_id=f"more-{number}", message=text))
    for person, seq, emoji in [(bruno, 5, "🎉"), (chana, 5, "🎉"), (dai, 5, "🚀"), (ada, 2, "☕"), (elif_, 8, "😋")]:
        changes.react(person, React(room="general", seq=seq, emoji=emoji))
    changes.edit(ada, Edit(room="general", seq=1, message="Good morning! Countdown review at **half past ten**."))
    changes.delete(bruno, Delete(room="general", seq=9))
    for person in people:
        with suppress(Refused):
            reading.mark_read(person, Read(room="general", seq=6))
    invitations.make(ada, email="hanna@acme.example", rooms=["launch"])
    _tell(people)


def _tell(people: list[Actor]) -> None:
    """Notices beside the first: one that comes round every week, a draft, a template, and what has become of some."""
    ada, bruno, chana, dai, _elif, _gil = people
    monday = timezone.localtime().replace(hour=9, minute=0) + timedelta(days=7 - timezone.localtime().weekday())
    weekly = Draft(message="Stand-up in **Launch** at ten.", title="This week", publish_at=monday, repeats="weekly")
    publishing.publish(ada, weekly)
    publishing.publish(bruno, Draft(message="Badges are replaced in May.", title="New badges"), keep=Notice.State.DRAFT)
    fuelling = Draft(
        message="The pad is closed while we fuel: nobody in sector **C**.", title="Fuelling", level="urgent"
    )
    publishing.publish(bruno, fuelling, keep=Notice.State.TEMPLATE)
    signed = Draft(
        message="Read the [rules of the pad](https://pad.example/rules) once more, *please*, and acknowledge it.",
        title="Safety on the pad",
        level="important",
        audience="roles",
        of=("moderator", "member"),
        needs_ack=True,
        remind_every=24 * 60,
    )
    seq = publishing.publish(ada, signed).seq or 0
    receipts.mark(chana, Receipts(acknowledged=[seq]))
    receipts.mark(dai, Receipts(seen=[seq]))


def _people(space: Space, wanted: tuple[Person, ...]) -> list[Actor]:
    """Everybody with a verified address, so that the demo shows all there is."""
    owner = User.objects.get()
    User.objects.filter(pk=owner.pk).update(name=wanted[0].name)
    EmailAddress.objects.update(verified=True)
    for person in wanted[1:]:
        user = User.objects.create_user(person.email, PASSWORD, name=person.name, role=person.role)
        EmailAddress.objects.create(user=user, email=person.email, primary=True, verified=True)
        joined.send(Space, space=space, user_id=user.pk)
    return [credentials.actor_of(space, User.objects.get(email=person.email), "") for person in wanted]
