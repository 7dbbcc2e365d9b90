"""What is sold, what was bought, and what Stripe told us."""

from billing.models.inbox import InboxEvent
from billing.models.packages import Package
from billing.models.purchases import Purchase, PurchaseEvent

__all__ = ["InboxEvent", "Package", "Purchase", "PurchaseEvent"]
