"""Pages of operators on the public site: sign-in with a second factor, further second factors, and the organisations.

Passwords of operators, and their first second factor, are made on the command line.
"""

from allauth.account import views as account
from django.urls import include, path

from tenants.people import operator_pages, second_factor_pages

pages = [
    path("", operator_pages.everything, name="operators"),
    path("log/", operator_pages.log, name="operators_log"),
    path("organizations/<str:slug>/suspend/", operator_pages.suspend, name="suspend"),
    path("organizations/<str:slug>/resume/", operator_pages.resume, name="resume"),
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("2fa/webauthn/keys/<int:pk>/remove/", second_factor_pages.remove_key, name="mfa_remove_webauthn"),
    path("2fa/", include("allauth.mfa.urls")),
]

urlpatterns = [path("operators/", include(pages))]
