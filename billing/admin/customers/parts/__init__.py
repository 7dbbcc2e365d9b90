"""List the sections of a customer's page."""

from __future__ import annotations

from billing.admin.customers.parts.auto_top_up import AUTO_TOP_UP
from billing.admin.customers.parts.balance import BALANCE
from billing.admin.customers.parts.cards import CARDS
from billing.admin.customers.parts.lots import LOTS
from billing.admin.customers.parts.notes import NOTES
from billing.admin.customers.parts.part import Part
from billing.admin.customers.parts.payments import PAYMENTS
from billing.admin.customers.parts.plans import PLAN_INVOICES, PLANS
from billing.admin.customers.parts.purchases import PURCHASES
from billing.admin.customers.parts.referrals import REFERRALS
from billing.admin.customers.parts.reversals import DISPUTES, REFUNDS
from billing.admin.customers.parts.timeline import TIMELINE

# In the page's order.
PARTS: list[Part] = [
    BALANCE,
    NOTES,
    PLANS,
    PLAN_INVOICES,
    PURCHASES,
    PAYMENTS,
    CARDS,
    AUTO_TOP_UP,
    REFERRALS,
    REFUNDS,
    DISPUTES,
    LOTS,
    TIMELINE,
]
