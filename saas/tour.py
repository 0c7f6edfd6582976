"""The tour: every page of Conclave and who looks at it. Screenshots and the tests of accessibility go along it, and a
test holds that no page is missing."""

from dataclasses import dataclass

STRANGER, OPERATOR = "", "operator"
OWNER, MEMBER = "ada@acme.example", "dai@acme.example"  # of the demo


@dataclass(frozen=True, slots=True)
class Stop:
    name: str
    path: str
    who: str = OWNER
    public: bool = False  # on the public site; else on the organisation's
    press: str = ""  # a key, pressed when the page is there
    click: str = ""  # what is clicked then, by its selector


STOPS = [
    Stop("welcome", "/", STRANGER, public=True),
    Stop("find-workspaces", "/workspaces/", STRANGER, public=True),
    Stop("find-workspaces-sent", "/workspaces/sent/", STRANGER, public=True),
    Stop("operators-sign-in", "/operators/login/", STRANGER, public=True),
    Stop("nobody-here", "/nothing/here/", STRANGER, public=True),
    Stop("sign-in", "/accounts/login/", STRANGER),
    Stop("reset", "/accounts/password/reset/", STRANGER),
    Stop("reset-sent", "/accounts/password/reset/done/", STRANGER),
    Stop("join-unknown", "/join/unknown/", STRANGER),
    Stop("home", "/"),
    Stop("home-of-a-member", "/", MEMBER),
    Stop("chat", "/chat/general/"),
    Stop("chat-message", "/chat/general/2/"),
    Stop("chat-code", "/chat/code/"),
    Stop("quick-switcher", "/chat/general/", press="Control+k"),
    Stop("shortcuts", "/rooms/", press="?"),
    Stop("account-menu", "/", click="[popovertarget=account-menu]"),
    Stop("rooms", "/rooms/"),
    Stop("rooms-of-a-member", "/rooms/", MEMBER),
    Stop("about-a-room", "/rooms/launch/"),
    Stop("about-a-room-of-a-member", "/rooms/launch/", MEMBER),
    Stop("messages", "/messages/"),
    Stop("notices", "/notices/"),
    Stop("notices-of-a-member", "/notices/", MEMBER),
    Stop("notices-managed", "/notices/manage/"),
    Stop("notice-new", "/notices/new/"),
    Stop("notice", "/notices/manage/1/"),
    Stop("notice-change", "/notices/manage/2/change/"),
    Stop("members", "/members/"),
    Stop("members-link", "/members/", click=".way + .way > summary"),
    Stop("members-of-a-member", "/members/", MEMBER),
    Stop("members-deactivated", "/members/?deactivated=1"),
    Stop("deactivate", "/members/2/deactivate/"),
    Stop("hand-over", "/members/hand-over/"),
    Stop("leave", "/members/leave/"),
    Stop("profile", "/profile/"),
    Stop("addresses", "/accounts/email/"),
    Stop("password", "/accounts/password/change/"),
    Stop("verify", "/accounts/confirm-email/", STRANGER),
    Stop("verify-unknown", "/accounts/confirm-email/unknown/", STRANGER),
    Stop("reset-unknown", "/accounts/password/reset/key/1-unknown/", STRANGER),
    Stop("reset-done", "/accounts/password/reset/key/done/", STRANGER),
    Stop("inactive", "/accounts/inactive/", STRANGER),
    Stop("second-factor", "/accounts/2fa/"),
    Stop("passkeys", "/accounts/2fa/webauthn/"),
    Stop("confirm", "/accounts/reauthenticate/"),
    Stop("sessions", "/accounts/sessions/"),
    Stop("settings", "/settings/"),
    Stop("settings-of-a-member", "/settings/", MEMBER),
    Stop("audit", "/audit/"),
    Stop("audit-empty", "/audit/?text=nothing+like+this"),
    Stop("sign-out", "/accounts/logout/"),
    Stop("missing", "/nothing/here/"),
    Stop("operators", "/operators/", OPERATOR, public=True),
    Stop("operators-notices", "/operators/notices/", OPERATOR, public=True),
    Stop("operators-log", "/operators/log/", OPERATOR, public=True),
    Stop("operators-suspend", "/operators/organizations/globex/suspend/", OPERATOR, public=True),
    Stop("operators-second-factor", "/operators/2fa/", OPERATOR, public=True),
    Stop("operators-passkeys", "/operators/2fa/webauthn/", OPERATOR, public=True),
    Stop("operators-confirm", "/operators/reauthenticate/", OPERATOR, public=True),
    Stop("operators-code", "/operators/2fa/reauthenticate/", OPERATOR, public=True),
    Stop("operators-sign-out", "/operators/logout/", OPERATOR, public=True),
    Stop("operators-inactive", "/operators/inactive/", STRANGER, public=True),
]
