"""Read what the shop shows of packages: their offers, in a sale and with the discount code that was entered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accounts.models import User
from accounts.teams.models import Team
from billing.checkout.terms import PurchaseTerms, terms_of_offer
from billing.discounts.codes import codes_are_accepted, find_code, require_use_left
from billing.discounts.models import LONGEST_CODE, DiscountCode
from billing.discounts.sales import sales_now
from billing.errors import CodeRefused
from billing.money import Money
from billing.packages.pricing import Offer, discount
from credits.ledger.holders import account_of


@dataclass(frozen=True)
class ShownOffer:
    """A package in the shop, at the price that its buyer would pay. ``refused`` says why the code isn't for it."""

    offer: Offer
    terms: PurchaseTerms
    refused: str = ""

    @property
    def old_price(self) -> Money:
        """Return what the price is compared with: without sale and code, or else at the starter package's rate."""
        return self.terms.regular if self.terms.reduction.minor else self.terms.list_price

    @property
    def whole_discount(self) -> int:
        """Return by how many whole percent the price is below the old one, for the badge."""
        return int(discount(self.terms.price, self.old_price))


@dataclass(frozen=True)
class EnteredCode:
    """The code that a buyer entered: what it takes off is in the offers, or why it can't be used is in ``refused``.
    ``is_offered``: there are codes, so there is a field for one.
    """

    is_offered: bool
    text: str
    refused: str = ""


def shown_offers(
    offers: Sequence[Offer], user: User, team: Team | None, entered: str
) -> tuple[list[ShownOffer], EnteredCode]:
    """Return the offers as the shop shows them, and what became known of the entered code."""
    sales = sales_now([offer.package for offer in offers])
    text = entered[:LONGEST_CODE].strip()
    code, refused = _usable(text, user, team) if text else (None, "")
    shown = [_with_code(offer, terms_of_offer(offer, sales.get(offer.package.pk)), code) for offer in offers]
    if code is not None and shown and all(each.refused for each in shown):
        refused = shown[0].refused
    return shown, EnteredCode(bool(text) or codes_are_accepted(), text, refused)


def _usable(text: str, user: User, team: Team | None) -> tuple[DiscountCode | None, str]:
    try:
        code = find_code(text)
        require_use_left(code, user, account_of(user, team).first())
    except CodeRefused as error:
        return None, error.message
    return code, ""


def _with_code(offer: Offer, terms: PurchaseTerms, code: DiscountCode | None) -> ShownOffer:
    refused = ""
    if code is not None and terms.price.minor:
        try:
            terms = terms.with_code(code)
        except CodeRefused as error:
            refused = error.message
    return ShownOffer(replace(offer, reduced=terms.price), terms, refused)
