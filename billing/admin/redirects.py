"""The admin's index of the ledger shares its address with the buyer's pages of an older installation."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache


@never_cache
def credits_app_index(request: HttpRequest) -> HttpResponse:
    """The ledger's index for staff; the buyer's page for everybody else."""
    if admin.site.has_permission(request):
        return admin.site.app_index(request, "credits")
    return redirect("credits")
