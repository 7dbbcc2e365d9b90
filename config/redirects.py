"""Share one URL between the admin's index of the ledger and the customer page of an older installation."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache


@never_cache
def credits_app_index(request: HttpRequest) -> HttpResponse:
    """Show staff the ledger's index; redirect everyone else, and staff returning from a checkout."""
    if "purchase" not in request.GET and admin.site.has_permission(request):
        return admin.site.app_index(request, "credits")
    query = request.GET.urlencode()
    return redirect(f"{reverse('credits')}?{query}" if query else "credits")
