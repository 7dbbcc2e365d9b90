"""Store refunds and disputes."""

from billing.refunds.models.disputes import Dispute
from billing.refunds.models.refunds import Refund

__all__ = ["Dispute", "Refund"]
