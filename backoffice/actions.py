"""Share code between the admin's buttons."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

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
