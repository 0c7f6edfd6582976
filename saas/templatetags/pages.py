"""What our templates ask for: the import map, by which every module of ours is called by its path without `.js`."""

import json
from functools import cache

from django import template
from django.contrib.staticfiles.finders import get_finders
from django.templatetags.static import static
from django.utils.safestring import SafeString, mark_safe

from tenants import roles

OURS = ("site/", "tenants/", "chat/", "notices/")

register = template.Library()


@register.simple_tag
def import_map() -> SafeString:
    return mark_safe(f'<script type="importmap">{modules()}</script>')


@register.simple_tag(takes_context=True)
def may(context: template.RequestContext, verb: str) -> bool:
    """Whether whoever looks at the page may do this, by the table of roles."""
    actor = getattr(context.request, "actor", None)
    return actor is not None and roles.may(actor, verb)


@cache
def modules() -> str:
    """The map's text. The browser runs it only because its hash stands in the policy (saas.csp)."""
    paths = {path for finder in get_finders() for path, _ in finder.list([]) if path.startswith(OURS)}
    scripts = sorted(path for path in paths if path.endswith(".js"))
    return json.dumps({"imports": {path.removesuffix(".js"): static(path) for path in scripts}})
