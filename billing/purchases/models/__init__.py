"""Store purchases, their payments and their events."""

from billing.purchases.models.attention import Attention
from billing.purchases.models.changes import ChangedMoment
from billing.purchases.models.events import PurchaseEvent
from billing.purchases.models.lines import PurchaseLine
from billing.purchases.models.payments import Payment
from billing.purchases.models.purchases import Purchase
from billing.purchases.models.scheduled_grants import ScheduledGrant

__all__ = [
    "Attention",
    "ChangedMoment",
    "Payment",
    "Purchase",
    "PurchaseEvent",
    "PurchaseLine",
    "ScheduledGrant",
]
