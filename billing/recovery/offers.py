"""Find what an expired checkout would sell now: by the same order, at today's terms.

Stripe's own recovery link isn't used: for 30 days it would sell at the old price, after the sale's end and with a code
whose use is free again (docs/decisions/checkout-recovery.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from accounts.models import User
from billing.checkout.bundles import OrderItem
from billing.checkout.orders import PurchaseOrder
from billing.checkout.quoting import quote_order
from billing.checkout.terms import PurchaseTerms
from billing.errors import CodeRefused
from billing.packages.models import CUSTOM_CODE
from billing.purchases.models import Purchase


@dataclass(frozen=True)
class ResumedOffer:
    """What the order buys now. ``code_refused`` says why its discount code can't be used any more."""

    order: PurchaseOrder
    terms: PurchaseTerms
    code_refused: str
    is_same: bool


def order_of(purchase: Purchase) -> PurchaseOrder:
    """Return the order that the purchase was begun with."""
    is_amount = purchase.package_code == CUSTOM_CODE
    items = tuple(OrderItem(each.package_code, each.quantity) for each in purchase.lines.all())
    return PurchaseOrder(
        package_code="" if is_amount or items else purchase.package_code,
        items=items,
        amount=purchase.regular_price.major if is_amount else None,
        currency=purchase.currency,
        quantity=1 if items else purchase.quantity,
        discount_code=purchase.discount_code,
        team_id=purchase.account.team_id,
    )


def resume_offer(user: User, purchase: Purchase) -> ResumedOffer:
    """Return today's offer for the purchase's order, without its discount code if that can't be used any more.

    Raises:
        UnknownPackage, BundleRefused, CustomAmountsNotSold, AmountRefused, AlreadyTaken, UnknownTeam: it can't be
            bought any more.
    """
    order, code_refused = order_of(purchase), ""
    try:
        terms = quote_order(user, order)
    except CodeRefused as error:
        order, code_refused = replace(order, discount_code=""), error.message
        terms = quote_order(user, order)
    then = (purchase.price, purchase.credits, purchase.bonus_credits)
    now = (terms.price, terms.credits, terms.bonus_credits)
    return ResumedOffer(order, terms, code_refused, is_same=not code_refused and then == now)
