"""Say what a buyer orders, and tell one order from another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from billing.checkout.bundles import OrderItem, terms_of_items
from billing.checkout.seen_offers import NOTHING_SEEN, SeenOffer
from billing.checkout.terms import PurchaseTerms, terms_of_amount
from billing.discounts.codes import find_code
from billing.discounts.models import normal_code
from billing.gift_codes.ordering import GiftWish


@dataclass(frozen=True)
class PurchaseOrder:
    """A buyer's order: a package, ``items`` of several, or an ``amount`` in the main unit; in ``currency``, if empty in
    the package's own.
    Empty URLs mean our pages; an empty key makes each call a new purchase. With a team, its account is credited.
    ``package_id`` is the older client's name for the package; ``seen``, the offer shown, must match it.
    ``card_id`` is a saved card to charge instead of opening a checkout; ``by_default_card`` charges the default one.
    A ``gift`` is paid at a checkout by its buyer, and nobody's account is credited until its code is redeemed.
    """

    package_code: str = ""
    success_url: str = ""
    cancel_url: str = ""
    idempotency_key: str = ""
    team_id: UUID | None = None
    package_id: str = ""
    seen: SeenOffer = NOTHING_SEEN
    card_id: UUID | None = None
    by_default_card: bool = False
    amount: Decimal | None = None
    currency: str = ""
    quantity: int = 1
    discount_code: str = ""
    items: tuple[OrderItem, ...] = ()
    gift: GiftWish | None = None

    def __post_init__(self) -> None:
        if sum((bool(self.package_code), self.amount is not None, bool(self.items))) > 1:
            raise ValueError("An order is for packages or for an amount, not for both.")

    def terms(self) -> PurchaseTerms:
        """Return what is on sale now for this order, with queries."""
        if self.amount is None:
            items = self.items or (OrderItem(self.package_code, self.quantity),)
            terms = terms_of_items(items, self.currency)
        else:
            terms = terms_of_amount(self.amount, self.currency)
        return terms.with_code(find_code(self.discount_code)) if self.discount_code else terms

    @property
    def fingerprint(self) -> str:
        """Hash the order, to tell whether a repeated key came with the same one."""
        order: list[Any] = [self.package_code, self.success_url, self.cancel_url]
        if self.team_id is not None:
            order.append(str(self.team_id))
        if self.seen.sent:
            order.append(self.seen.sent)
        if self.card_id is not None:
            order.append(f"card {self.card_id}")
        elif (
            self.by_default_card
        ):  # not its id: a repeat is the same, though another card is the default by now
            order.append("default card")
        if self.amount is not None:
            order.append([f"{self.amount.normalize():f}", self.currency])
        if self.quantity > 1:
            order.append(f"{self.quantity} times")
        order += sorted([each.package_code, each.quantity] for each in self.items)
        if self.discount_code:
            order.append(f"code {normal_code(self.discount_code)}")
        order.extend(["gift", *self.gift.fields] if self.gift else [])
        return hashlib.sha256(json.dumps(order).encode()).hexdigest()
