"""Addresses of Stripe's dashboard, for people to go on from here."""

from __future__ import annotations

from django.conf import settings

DASHBOARD = "https://dashboard.stripe.com/"


def products_page() -> str:
    """Where the account's products are listed."""
    return f"{DASHBOARD}{'' if settings.STRIPE_LIVE_MODE else 'test/'}products"
