"""What each operation needs to succeed: made afresh, by the product's own verbs, for whoever is about to ask.

One recipe per verb of the API and of the pages. With them a 404 or a 409 hides nothing: who may, succeeds.
"""

import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from PIL import Image

from realtime.chat import hosting, messages, rooms
from realtime.notices import publishing
from realtime.notices.drafts import Draft
from realtime.notices.models import Notice
from realtime.protocol import Post
from tenants.people import credentials, invitations, members, settings
from tenants.people.models import Role, User
from tenants.signals import joined
from tests.cast import PASSWORD, Member, Org
from tests.clients import signed_in
from tests.running import Site


@dataclass(frozen=True)
class Asked:
    """A request that succeeds: what stands in its path, and its body."""

    path: dict[str, object] = field(default_factory=dict)
    body: Any = None


@dataclass(frozen=True)
class Stage:
    """In the organisation's schema, for one person about to ask."""

    server: Site
    org: Org
    who: Member

    def somebody(self) -> Member:
        return newcomer(self.org, Role.GUEST)

    def owner(self) -> Member:
        """A new one: others may have lost their role to requests that succeeded."""
        return newcomer(self.org, Role.OWNER)

    def host(self) -> Member:
        """Who looks after the rooms that are made for the one who asks: they themselves, unless they may not."""
        return self.owner() if self.who.actor.role == Role.GUEST else self.who

    def room(self) -> str:
        """One that the person who asks looks after. Guests are brought into somebody else's."""
        maker = self.host()
        made = rooms.open(maker.actor, f"Plans {secrets.token_hex(4)}").room
        if maker is not self.who:
            hosting.invite(maker.actor, made, [self.who.actor.user_id])
        return made

    def message(self) -> dict[str, object]:
        said = Post(room="general", client_id=secrets.token_hex(8), message="words")
        return {"room": "general", "seq": messages.post(self.who.actor, said).event.seq}

    def notice(self, *, keep: bool = False) -> Notice:
        return publishing.publish(self.owner().actor, Draft(message="Drill at noon"), keep=keep)

    def invitation(self) -> int:
        return invitations.make(self.owner().actor, role=Role.GUEST).invitation.pk

    def token(self) -> int:
        return credentials.issue(User.objects.get(pk=self.who.actor.user_id), "another")[0].pk

    def session(self) -> int:
        """Of this person, in another browser."""
        user = User.objects.get(pk=self.who.actor.user_id)
        if not user.has_usable_password():
            user.set_password(PASSWORD)
            user.save()
        with signed_in(self.server, self.org, self.who):
            return UserSession.objects.filter(user=user).latest("pk").pk


def newcomer(org: Org, role: Role, password: str | None = None) -> Member:
    """A new person, verified and in General. Called inside the schema. A password is hashed, which takes its time."""
    name = f"{role}-{secrets.token_hex(4)}"
    user = User.objects.create_user(f"{name}@{org.space.slug}.example", password, name=name, role=role)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    joined.send(type(org.space), space=org.space, user_id=user.pk, rooms=["general"])
    _, token = credentials.issue(user, "test")
    return Member(credentials.by_token(org.space, token), token)  # type: ignore[arg-type]


def _person(stage: Stage, **body: object) -> Asked:
    return Asked({"user_id": stage.somebody().actor.user_id}, body or None)


def _gone(stage: Stage) -> Asked:
    gone = stage.somebody().actor.user_id
    members.deactivate(stage.owner().actor, gone)
    return Asked({"user_id": gone})


def _logo(stage: Stage) -> Asked:
    settings.set_logo(stage.owner().actor, picture())
    return Asked()


def _in_my_room(stage: Stage, **more: object) -> Asked:
    return Asked({"room": stage.room()} | more)


def _invite(stage: Stage) -> Asked:
    return Asked({"room": stage.room()}, {"people": [stage.somebody().actor.user_id]})


def _expel(stage: Stage) -> Asked:
    room, other = stage.room(), newcomer(stage.org, Role.MEMBER)
    rooms.join(other.actor, [room])
    return Asked({"room": room, "user_id": other.actor.user_id})


def _restore(stage: Stage) -> Asked:
    room = stage.room()
    hosting.archive(stage.owner().actor, room)
    return Asked({"room": room})


def _unreact(stage: Stage) -> Asked:
    return Asked(stage.message() | {"emoji": "👍"})


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    return file.getvalue()


def _nothing(stage: Stage) -> Asked:
    return Asked()


RECIPES: dict[str, Callable[[Stage], Asked]] = {
    "session": _nothing,
    "profile.change": lambda stage: Asked(body={"name": "Another name"}),
    "members.listed": _nothing,
    "members.change_role": lambda stage: _person(stage, role="member"),
    "members.deactivate": _person,
    "members.reactivate": _gone,
    "members.hand_over": _person,
    "members.leave": _nothing,
    "invitations.make": lambda stage: Asked(body={"role": "guest"}),
    "invitations.listed": _nothing,
    "invitations.revoke": lambda stage: Asked({"invitation_id": stage.invitation()}),
    "tokens.issue": lambda stage: Asked(body={"name": "laptop"}),
    "tokens.listed": _nothing,
    "tokens.end": lambda stage: Asked({"token_id": stage.token()}),
    "sessions.listed": _nothing,
    "sessions.end": lambda stage: Asked({"session_id": stage.session()}),
    "sessions.end_others": _nothing,
    "settings.show": _nothing,
    "settings.change": lambda stage: Asked(body={"time_zone": "Europe/Berlin"}),
    "settings.set_logo": lambda stage: Asked(body=picture()),
    "settings.remove_logo": _logo,
    "audit.listed": _nothing,
    "notices.listed": _nothing,
    "notices.publish": lambda stage: Asked(body={"message": "Drill at noon"}),
    "notices.preview": lambda stage: Asked(body={"message": "Drill at *noon*"}),
    "notices.mark": lambda stage: Asked(body={"seen": [stage.notice().seq]}),
    "notices.managed": _nothing,
    "notices.statistics": lambda stage: Asked({"notice_id": stage.notice().pk}),
    "notices.missing": lambda stage: Asked({"notice_id": stage.notice().pk}),
    "notices.export": lambda stage: Asked({"notice_id": stage.notice().pk}),
    "notices.withdraw": lambda stage: Asked({"notice_id": stage.notice().pk}),
    "notices.resend": lambda stage: Asked({"notice_id": stage.notice().pk}),
    "notices.duplicate": lambda stage: Asked({"notice_id": stage.notice().pk}),
    "notices.change": lambda stage: Asked(
        {"notice_id": stage.notice(keep=Notice.State.DRAFT).pk}, {"message": "Drill at one"}
    ),
    "notices.discard": lambda stage: Asked({"notice_id": stage.notice(keep=Notice.State.DRAFT).pk}),
    "presence.room": lambda stage: Asked({"room": "general"}),
    "rooms.listed": _nothing,
    "rooms.states": lambda stage: Asked({"room": "general"}),
    "rooms.members": lambda stage: Asked({"room": "general"}),
    "rooms.open": lambda stage: Asked(body={"title": "Plans"}),
    "rooms.direct": lambda stage: Asked(body={"people": [stage.somebody().actor.user_id]}),
    "rooms.join": lambda stage: Asked({"room": "general"}),
    "rooms.leave": _in_my_room,
    "rooms.invite": _invite,
    "rooms.expel": _expel,
    "rooms.change": lambda stage: Asked({"room": stage.room()}, {"topic": "news"}),
    "rooms.archive": _in_my_room,
    "rooms.restore": _restore,
    "messages.page": lambda stage: Asked({"room": "general"}),
    "messages.post": lambda stage: Asked({"room": "general"}, {"message": "words"}),
    "messages.one": lambda stage: Asked(stage.message()),
    "messages.edit": lambda stage: Asked(stage.message(), {"message": "other words"}),
    "messages.delete": lambda stage: Asked(stage.message()),
    "messages.react": _unreact,
    "messages.unreact": _unreact,
    "messages.mark_read": lambda stage: Asked({"room": "general"}, {"seq": stage.message()["seq"]}),
}
