"""Billing's admin pages."""

from billing.admin import (  # noqa: F401 - each registers its pages
    auto_top_ups,
    custom_amounts,
    discounts,
    djstripe_pages,
    front_page,
    inbox,
    jobs,
    packages,
    payments,
    people,
    plans,
    purchase_events,
    purchases,
    receipts,
    reconciliation,
    related,
    returns,
    saved_cards,
    subscriptions,
)
