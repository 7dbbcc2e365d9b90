"""Billing's admin pages."""

from billing.admin import (  # noqa: F401 - each registers its pages
    djstripe_pages,
    front_page,
    jobs,
    people,
    reconciliation,
    referrals,
    related,
)
from billing.admin.catalogue import custom_amounts, discounts, packages, plans  # noqa: F401
from billing.admin.inbox import pages  # noqa: F401
from billing.admin.purchases import (  # noqa: F401
    gift_orders,
    payments,
    purchase_events,
    purchases,
    receipts,
    reversals,
)
from billing.admin.recurring import auto_top_ups, saved_cards, subscriptions  # noqa: F401
