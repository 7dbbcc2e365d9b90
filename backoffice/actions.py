"""What the admin's buttons have in common."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

Row = TypeVar("Row", bound=Model)


def acted_on(page: Any, request: HttpRequest, object_id: str) -> Any:
    """The object of a button's address, which holds its key as the admin escapes it.

    Raises:
        Http404: there is none.
    """
    found = page.get_object(request, unquote(object_id))
    if found is None:
        raise Http404
    return found


def row_of(model: type[Row], form: Any) -> Row:
    """Give the row that a dialog's form is about: its address holds the key as the admin escapes it.

    Raises:
        Http404: there is none, or what stands there is no key.
    """
    try:
        return model._default_manager.get(pk=unquote(str(form.object_id)))
    except (ObjectDoesNotExist, ValidationError, ValueError) as error:
        raise Http404 from error


def after_dialog(request: HttpRequest, url: str) -> HttpResponse:
    """Leads on after a dialog's action: unfold posts it with htmx, which must be told to leave the page."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)
