"""The public site's API: signing an organisation up, and asking whether an address can be had."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from tenants import addresses, organizations, problems
from tenants.addresses import Reason
from tenants.described import API

api = API(
    title="Conclave",
    version="1",
    description="The API of the public site. Errors are application/problem+json with a code.",
    docs_url=None,
    urls_namespace="public",
)
problems.install(api)


class SignUpIn(Schema):
    name: str
    slug: str
    email: str
    password: str


class SignedUpOut(Schema):
    url: str
    api_url: str
    token: str


class AddressOut(Schema):
    slug: str
    available: bool
    reason: Reason | None
    detail: str


@api.post(
    "/organizations",
    response={201: SignedUpOut},
    operation_id="organizations.sign_up",
    summary="Sign up: a new organisation, and its owner's token",
)
def sign_up(request: Any, payload: SignUpIn, response: HttpResponse) -> Any:
    response["Cache-Control"] = "no-store"
    made = organizations.sign_up(**payload.dict(), client=request.client_address, with_token=True)
    return Status(201, {"url": made.space.url, "api_url": f"{made.space.url}/api/v1", "token": made.token})


@api.get("/addresses/{slug}", response=AddressOut, operation_id="addresses.check", summary="Can this address be had?")
def address(request: HttpRequest, slug: str) -> Any:
    try:
        addresses.check(slug)
    except addresses.Unavailable as why:
        return {"slug": slug, "available": False, "reason": why.reason, "detail": why.detail}
    return {"slug": slug, "available": True, "reason": None, "detail": ""}
