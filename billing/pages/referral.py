"""Serve the links that users share."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.referrals.referrers import referral_reward
from billing.referrals.visits import remember_visit


@never_cache
@require_safe
def follow_link(request: HttpRequest, code: str) -> HttpResponse:
    """Remember whose link was followed, and lead to the shop. An unknown or stopped code leads there too."""
    response = redirect("credits")
    if referral_reward():
        remember_visit(request, response, code)
    return response
