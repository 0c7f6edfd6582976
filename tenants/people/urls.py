"""Pages of people on an organisation's site, from its root. There is no sign-up: people come by invitation."""

from allauth.account import views as account
from django.urls import include, path, re_path

from tenants.people import audit_pages, member_pages, pages, second_factor_pages, sessions_pages, settings_pages

accounts = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("email/", pages.addresses, name="account_email"),
    path("confirm-email/", account.email_verification_sent, name="account_email_verification_sent"),
    path("confirm-email/<str:key>/", account.confirm_email, name="account_confirm_email"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("2fa/webauthn/keys/<int:pk>/remove/", second_factor_pages.remove_key, name="mfa_remove_webauthn"),
    path("2fa/", include("allauth.mfa.urls")),
    path("sessions/", sessions_pages.listed, name="usersessions_list"),
    path("sessions/end-others/", sessions_pages.end_others, name="end_other_sessions"),
    path("sessions/<int:session_id>/end/", sessions_pages.end, name="end_session"),
    path("sessions/tokens/", sessions_pages.make_token, name="make_token"),
    path("sessions/tokens/<int:token_id>/end/", sessions_pages.end_token, name="end_token"),
]

urlpatterns = [
    path("accounts/", include(accounts)),
    path("join/<str:secret>/", pages.join, name="join"),
    path("profile/", pages.own_profile, name="profile"),
    path("settings/", settings_pages.change, name="settings"),
    path("settings/logo/", settings_pages.set_logo, name="set_logo"),
    path("settings/logo/remove/", settings_pages.remove_logo, name="remove_logo"),
    path("logo/<str:mark>/", settings_pages.logo, name="logo"),
    path("audit/", audit_pages.listed, name="audit"),
    path("members/", member_pages.everybody, name="members"),
    path("members/invite/", member_pages.invite, name="invite"),
    path("members/invitations/<int:invitation_id>/revoke/", member_pages.revoke_invitation, name="revoke_invitation"),
    path("members/hand-over/", member_pages.hand_over, name="hand_over"),
    path("members/leave/", member_pages.leave, name="leave"),
    path("members/<int:user_id>/role/", member_pages.change_role, name="change_role"),
    path("members/<int:user_id>/deactivate/", member_pages.deactivate, name="deactivate"),
    path("members/<int:user_id>/reactivate/", member_pages.reactivate, name="reactivate"),
]
