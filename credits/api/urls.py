"""Route the API for services, with and without a trailing slash."""

from __future__ import annotations

from django.urls import URLPattern, path

from credits.api.accounts import list_entries, read_account_balance
from credits.api.endpoints import Endpoint
from credits.api.holds import capture_hold, hold_credits, read_hold, release_hold
from credits.api.spends import spend_credits, spend_many
from credits.api.transfers import transfer_credits

ENDPOINTS = {
    "spends": Endpoint(spend_credits),
    "spends/batch": Endpoint(spend_many),
    "holds": Endpoint(hold_credits),
    "holds/<str:hold>": Endpoint(read_hold),
    "holds/<str:hold>/capture": Endpoint(capture_hold),
    "holds/<str:hold>/release": Endpoint(release_hold),
    "accounts/<str:account>/balance": Endpoint(read_account_balance),
    "accounts/<str:account>/entries": Endpoint(list_entries),
    "transfers": Endpoint(transfer_credits),
}

urlpatterns: list[URLPattern] = [
    path(address, endpoint, name=endpoint.name)
    for route, endpoint in ENDPOINTS.items()
    for address in (route, f"{route}/")
]
