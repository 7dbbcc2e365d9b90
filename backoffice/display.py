"""Display values in the admin: links, chips, codes in words, JSON."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

# unfold's templates show empty fields like this.
EMPTY = "-"


def admin_page(row: Model) -> str:
    """Return the URL of the object's admin page."""
    # Stripe's ids have underscores, which the admin escapes in URLs.
    return reverse(f"admin:{_name(row)}_change", args=[quote(row.pk)])


def link_to(target: Model | None, label: Any = None) -> str:
    """Return a link to the object's admin page; a dash if there is none."""
    if target is None:
        return EMPTY
    return _link(admin_page(target), target if label is None else label)


def link_to_list(model: type[Model], label: Any, **query: Any) -> str:
    """Return a link to an admin list, filtered by a query."""
    return _link(reverse(f"admin:{_name(model)}_changelist", query=query), label)


def chip(text: Any, tone: str | None = None) -> SafeString:
    """Return a label in unfold's colours: success, warning, danger, info, or grey for None."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "variant": tone})


def in_words(code: str) -> str:
    """Return a code such as ``checkout_opened`` in words."""
    return capfirst(code.replace("_", " "))


def shortened(text: str, most: int = 30) -> str:
    """Shorten a long id in the middle; hovering shows all of it."""
    if len(text) <= most:
        return text
    half = most // 2
    return format_html('<span title="{}">{}…{}</span>', text, text[:half], text[-half:])


def pretty_json(value: Any) -> str:
    return format_html('<pre class="admin-json">{}</pre>', json.dumps(value, indent=2, ensure_ascii=False))


def pairs(value: dict[str, Any]) -> str:
    """Return a flat JSON object as ``name: value`` pairs, one to a line; a dash if it is empty."""
    lines = [
        format_html("{}: {}<br>", in_words(name), shortened(str(said), 60)) for name, said in value.items()
    ]
    return SafeString("".join(lines)) if lines else EMPTY


def percent(share: float | None) -> str:
    """Format a share with one decimal. Only nothing is 0%, and only all of it 100%."""
    if share is None:
        return EMPTY
    shown = share * 100 if share in (0, 1) else min(max(round(share * 100, 1), 0.1), 99.9)
    return _("%(number)s%%") % {"number": number_format(shown, 0 if share in (0, 1) else 1)}


def _link(url: str, label: Any) -> str:
    return format_html('<a class="admin-link" href="{}">{}</a>', url, label)


def _name(model: Model | type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"
