"""Multi-buys, and purchases of several packages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from billing.checkout.bundles import OrderItem
from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import StartedPurchase, start_purchase
from billing.discounts.models import MultiBuy
from billing.purchases.models import Purchase, PurchaseEvent
from tests.support.sandbox import Sandbox

HOUR = timedelta(hours=1)


def make_multi_buy(**facts: Any) -> MultiBuy:
    """Buy 2, get 1 free."""
    now = timezone.now()
    facts = {"name": "Buy 2, get 1", "starts_at": now - HOUR, "ends_at": now + HOUR, **facts}
    return MultiBuy.objects.create(**facts)


def items(**counts: int) -> tuple[OrderItem, ...]:
    return tuple(OrderItem(code, count) for code, count in counts.items())


def start_several(user: User, **counts: int) -> StartedPurchase:
    return start_with_code(user, "", **counts)


def start_with_code(user: User, discount_code: str, **counts: int) -> StartedPurchase:
    order = PurchaseOrder(items=items(**counts), discount_code=discount_code)
    return start_purchase(user, order, PurchaseEvent.Source.API)


def pay_for_several(sandbox: Sandbox, user: User, **counts: int) -> Purchase:
    sandbox.pay(start_several(user, **counts).session_id)
    sandbox.wait_for_webhooks()
    return Purchase.objects.latest("created_at")
