"""The public site: sign-up and its API, finding one's spaces, and the operators."""

from django.db.transaction import non_atomic_requests
from django.urls import URLPattern, include, path

from realtime import operator_notice_pages
from tenants import pages
from tenants.api import api

# Signing up has a transaction of its own; an address is only looked up.
api_urls, api_app, api_namespace = api.urls
for pattern in api_urls:
    if isinstance(pattern, URLPattern):
        non_atomic_requests(pattern.callback)

urlpatterns = [
    path("", pages.welcome, name="welcome"),
    path("workspaces/", pages.find_workspaces, name="workspaces"),
    path("workspaces/sent/", pages.workspaces_sent, name="workspaces_sent"),
    path("handover/", pages.handover, name="handover"),
    path("api/v1/", (api_urls, api_app, api_namespace)),
    path("operators/notices/", operator_notice_pages.announce, name="operators_notices"),
    path("", include("tenants.people.urls_operators")),
]
