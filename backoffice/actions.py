"""Share code between the admin's buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

Row = TypeVar("Row", bound=Model)


def acted_on(page: Any, request: HttpRequest, object_id: str) -> Any:
    """Return the object of a button's URL, which holds its escaped key.

    Raises:
        Http404: there is none.
    """
    found = page.get_object(request, unquote(object_id))
    if found is None:
        raise Http404
    return found


def row_of(model: type[Row], form: Any) -> Row:
    """Return the row of a dialog's form: its URL holds the escaped key.

    Raises:
        Http404: there is none, or the key is malformed.
    """
    try:
        return model._default_manager.get(pk=unquote(str(form.object_id)))
    except (ObjectDoesNotExist, ValidationError, ValueError) as error:
        raise Http404 from error


def after_dialog(request: HttpRequest, url: str) -> HttpResponse:
    """Redirect after a dialog's action: unfold posts it with htmx, which needs a header to leave the page."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def back_to(request: HttpRequest, row: Model) -> HttpResponse:
    """Redirect to a row's page after a dialog's action on it."""
    page = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return after_dialog(request, reverse(page, args=[quote(row.pk)]))


def dialog_action(
    label: Any, *, permission: str, title: Any, explained: Any, form: Any = None, button: Any = None
) -> Callable[[Callable[..., HttpResponse]], Any]:
    """Return a decorator for a button that asks before it acts, at the URL of its function's name."""

    def decorate(act: Callable[..., HttpResponse]) -> Any:
        return action(
            description=label,
            url_path=act.__name__.replace("_", "-"),
            permissions=[permission],
            dialog={
                "title": title,
                "description": explained,
                "form_class": form,
                "form_submit_text": button or label,
            },
        )(act)

    return decorate
