"""What is answered where something of ours fails: a page to people, a problem document to programs."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from core.errors import Unexpected
from core.outages import outage_of
from core.problems import problem_response

PROGRAMS = "/api/"


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for an error that nobody caught, while it is being handled. Asks nobody: anything may be broken."""
    error = outage_of(sys.exception()) or Unexpected("Something went wrong.")
    if request.path.startswith(PROGRAMS):
        return problem_response(error)
    page = render_to_string(f"{error.status}.html")
    return HttpResponse(page, status=error.status, headers=error.headers)
