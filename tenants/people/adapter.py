"""allauth, told where it is: in an organisation's schema, or in public among the operators."""

from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.core import context as current
from allauth.core.internal.httpkit import clean_client_ip
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants import directory
from tenants.directory import Space
from tenants.people import second_factor
from tenants.people.models import Settings, User
from tenants.schema import PUBLIC, current_key, entered

PRODUCT = "Conclave"
NOWHERE = "0.0.0.0"  # callers without an address share one throttle


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up here (people come by invitation), and links in mail name the organisation's own address."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_login(self, request: Any, user: User, **how: Any) -> HttpResponse | None:
        refusal: HttpResponse | None = super().pre_login(request, user, **how)
        if refusal is None and request.organization is None and not second_factor.has_one(user.pk):
            sentence = _("Operators sign in with a second factor only; make one with “conclave operator add”.")
            return render(request, "tenants/refused.html", {"title": _("Not yet"), "sentence": sentence}, status=403)
        return refusal

    def get_login_redirect_url(self, request: Any) -> str:
        return "/" if request.organization else reverse("operators")

    def get_logout_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_login")

    def get_client_ip(self, request: Any) -> str:
        return clean_client_ip(request.client_address) or NOWHERE

    def get_email_confirmation_url(self, request: HttpRequest | None, emailconfirmation: EmailConfirmation) -> str:
        return link("account_confirm_email", key=emailconfirmation.key)

    def get_reset_password_from_key_url(self, key: str) -> str:
        uid, _dash, secret = key.partition("-")
        return link("account_reset_password_from_key", uidb36=uid, key=secret)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Needs no request: sign-up and jobs send mail too."""
        space = here()
        name, host = (space.name, space.host) if space else (PRODUCT, settings.BASE_DOMAIN)
        site = SimpleNamespace(name=name, domain=f"{host}{settings.PORT_SUFFIX}")
        named = {"request": current.request, "email": email, "organization": space, "current_site": site}
        self.render_mail(template_prefix, email, named | context).send()


class SecondFactorAdapter(DefaultMFAAdapter):
    def get_totp_issuer(self) -> str:
        """What an authenticator app calls the account: one person may have the same address in two organisations."""
        return self._get_site_name()

    def _get_site_name(self) -> str:
        space = here()
        return space.name if space else PRODUCT

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Who has to have a second factor makes another before the last one goes."""
        required = current_key() is None or Settings.objects.filter(requires_second_factor=True).exists()
        return not (required and second_factor.is_last(authenticator))


def ask_to_verify(address: EmailAddress) -> None:
    """Mail a link that proves the address, if this transaction commits. In the organisation's schema."""
    address.send_confirmation(request=None, signup=True)


def write_to(email: str, template_prefix: str, **context: Any) -> None:
    """Mail in the name of the organisation whose schema we are in (or of Conclave), if this transaction commits."""
    get_adapter().send_mail(template_prefix, email, context)


def here() -> Space | None:
    """The organisation whose schema this thread is in, as its rows name it. None: the public site."""
    key = current_key()
    if key is None:
        return None
    with entered(PUBLIC.schema_name):
        return directory.by_key(key)


def link(page: str, **arguments: str) -> str:
    """A link for mail, built from the Domain row: a forged Host header finds its way into none."""
    space = here()
    if space is None:
        raise LookupError("Only organisations send links.")
    return space.url + reverse(page, urlconf=settings.ROOT_URLCONF, kwargs=arguments)
