"""Link to Stripe's dashboard."""

from __future__ import annotations

from django.conf import settings


def products_page() -> str:
    """Return the URL of the account's products."""
    return _page("products")


def customer_page(customer_id: str) -> str:
    """Return the URL of a customer with payments and cards."""
    return _page(f"customers/{customer_id}")


def payment_page(payment_intent_id: str) -> str:
    """Return the URL of a payment."""
    return _page(f"payments/{payment_intent_id}")


def dispute_page(dispute_id: str) -> str:
    """Return the URL where a dispute is answered with evidence."""
    return _page(f"disputes/{dispute_id}")


def subscription_page(subscription_id: str) -> str:
    """Return the URL of a subscription with its invoices."""
    return _page(f"subscriptions/{subscription_id}")


def invoice_page(invoice_id: str) -> str:
    """Return the URL of an invoice with the attempts to collect it."""
    return _page(f"invoices/{invoice_id}")


def _page(path: str) -> str:
    return f"https://dashboard.stripe.com/{'' if settings.STRIPE_LIVE_MODE else 'test/'}{path}"
