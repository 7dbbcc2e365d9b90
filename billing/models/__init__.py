"""What is sold, what was bought, and what Stripe told us."""

from billing.models.changes import ChangedMoment
from billing.models.daily_figures import CheckoutDay, ReturnsDay, SalesCount, SalesDay, VisitDay
from billing.models.disputes import Dispute
from billing.models.inbox import InboxEvent
from billing.models.packages import Package
from billing.models.payments import Payment
from billing.models.purchases import Purchase, PurchaseEvent
from billing.models.receipts import Receipt, ReceiptSeries
from billing.models.reconciliation import ReconciliationFinding, ReconciliationRun, SeenPurchase
from billing.models.refunds import Refund
from billing.models.stripe_account import StripeAccount

__all__ = [
    "ChangedMoment",
    "CheckoutDay",
    "Dispute",
    "InboxEvent",
    "Package",
    "Payment",
    "Purchase",
    "PurchaseEvent",
    "Receipt",
    "ReceiptSeries",
    "ReconciliationFinding",
    "ReconciliationRun",
    "Refund",
    "ReturnsDay",
    "SalesCount",
    "SalesDay",
    "SeenPurchase",
    "StripeAccount",
    "VisitDay",
]
