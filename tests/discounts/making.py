"""Codes and sales, and purchases with them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import User
from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import StartedPurchase, start_purchase
from billing.discounts.models import CodeAmount, DiscountCode, Sale
from billing.purchases.models import PurchaseEvent

HOUR = timedelta(hours=1)


def make_code(code: str = "SPRING-20", percent: int | None = 20, **facts: Any) -> DiscountCode:
    return DiscountCode.objects.create(
        code=code, percent=None if percent is None else Decimal(percent), **facts
    )


def make_amount(code: DiscountCode, minor: int | None, minimum: int = 0, currency: str = "usd") -> None:
    CodeAmount.objects.create(
        discount_code=code, currency=currency, amount_minor=minor, minimum_minor=minimum
    )


def make_sale(percent: int = 10, **facts: Any) -> Sale:
    now = timezone.now()
    facts = {"name": "Spring sale", "starts_at": now - HOUR, "ends_at": now + HOUR, **facts}
    return Sale.objects.create(percent=Decimal(percent), **facts)


def buy(user: User, code: str = "SPRING-20", package: str = "starter", **order: Any) -> StartedPurchase:
    return start_purchase(user, PurchaseOrder(package, discount_code=code, **order), PurchaseEvent.Source.API)
