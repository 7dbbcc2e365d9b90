"""The back office of billing."""

from billing.admin import (
    djstripe_pages,
    front_page,
    inbox,
    jobs,
    packages,
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
    "people",
    "purchase_events",
    "purchases",
    "receipts",
    "reconciliation",
    "related",
    "returns",
]
