"""Addresses of Stripe's dashboard, for people to go on from here."""

from __future__ import annotations

from django.conf import settings


def products_page() -> str:
    """Give the page that lists the account's products."""
    return _page("products")


def dispute_page(dispute_id: str) -> str:
    """Give the page on which a dispute is answered with evidence."""
    return _page(f"disputes/{dispute_id}")


def _page(path: str) -> str:
    return f"https://dashboard.stripe.com/{'' if settings.STRIPE_LIVE_MODE else 'test/'}{path}"
