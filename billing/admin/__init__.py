"""Billing's admin pages."""

from billing.admin import (
    djstripe_pages,
    front_page,
    inbox,
    jobs,
    packages,
    payments,
    people,
    purchase_events,
    purchases,
    receipts,
    reconciliation,
    related,
    returns,
)

__all__ = [
    "djstripe_pages",
    "front_page",
    "inbox",
    "jobs",
    "packages",
    "payments",
    "people",
    "purchase_events",
    "purchases",
    "receipts",
    "reconciliation",
    "related",
    "returns",
]
