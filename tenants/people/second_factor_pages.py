"""Pages of second factors, beside those of allauth."""

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _


def remove_key(request: HttpRequest, pk: int) -> HttpResponseBase:
    """allauth's page, which asks first. It would remove the last one also where one is required."""
    key = Authenticator.objects.filter(user_id=request.user.pk, pk=pk).first()
    if key is not None and not get_adapter().can_delete_authenticator(key):
        messages.error(request, _("This is your last second factor, and one is required. Add another one first."))
        return redirect("mfa_list_webauthn")
    return webauthn.remove_webauthn(request, pk=pk)  # type: ignore[no-any-return]
