"""Content-Security-Policy: a page runs, styles and calls nothing but what this host serves, and the one import map."""

from base64 import b64encode
from functools import cache
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

from saas.templatetags.pages import modules


class ContentSecurityPolicy(MiddlewareMixin):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Content-Security-Policy", policy(request))
        return response


def policy(request: HttpRequest) -> str:
    socket = f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    rules = {
        "default-src": "'none'",
        "script-src": f"'self' '{import_map_hash()}'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": f"'self' {socket}",  # not every browser counts the socket as 'self'
        "form-action": f"'self' {spaces(request)}".strip(),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


@cache
def import_map_hash() -> str:
    return "sha256-" + b64encode(sha256(modules().encode()).digest()).decode()


def spaces(request: HttpRequest) -> str:
    """The public site hands a new owner over to the new space by a form; a space posts to nobody but itself."""
    if getattr(request, "organization", None):
        return ""
    return f"{settings.PUBLIC.scheme}://*.{settings.BASE_DOMAIN}{settings.PORT_SUFFIX}"
