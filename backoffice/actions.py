"""Share code between the admin's buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from django.contrib.admin.utils import unquote
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action

from backoffice.display import admin_page

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
    """Redirect after a dialog's action on a row: to the admin page that it was opened from, else to the row's page."""
    return after_dialog(request, _opened_from(request) or admin_page(row))


def _opened_from(request: HttpRequest) -> str:
    """Return the path of the page behind the dialog, which htmx names, if it is one of the admin's."""
    try:
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:  # such as http://[
        return ""
    is_ours = page.netloc == request.get_host() and page.path.startswith(reverse("admin:index"))
    # Without the fragment, with which a browser wouldn't load the page again.
    return urlunsplit(("", "", page.path, page.query, "")) if is_ours else ""


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
