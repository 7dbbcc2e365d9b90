"""Answer unexpected errors: a page for users, a problem document for API clients."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.errors import Unexpected
from core.outages import outage_of
from core.problems import problem_response

PROGRAMS = "/api/"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an unhandled error. Uses no database or cache: anything may be broken."""
    error = outage_of(sys.exception()) or Unexpected("Something went wrong.")
    if request.path.startswith(PROGRAMS):
        return problem_response(error)
    page = render_to_string(f"{error.status}.html")
    return HttpResponse(page, status=error.status, headers=error.headers)
