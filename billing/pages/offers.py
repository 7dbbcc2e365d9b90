"""Read what the shop shows of packages: their offers, in a sale and with the discount code that was entered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from accounts.models import User
from accounts.teams.models import Team
from billing.checkout.terms import PurchaseTerms, struck_prices, terms_of_offer
from billing.discounts.codes import codes_are_accepted, find_code, require_use_left
from billing.discounts.models import LONGEST_CODE, DiscountCode
from billing.discounts.sales import sales_now
from billing.errors import CodeRefused
from billing.money import Money
from billing.packages.pricing import Offer, discount, starter_in
from credits.ledger.holders import account_of


@dataclass(frozen=True)
class ShownOffer:
    """A package in the shop, at the price that its buyer would pay. ``struck`` is the old price, one that was asked:
    before the sale, or of those without the code. ``refused`` says why the code isn't for it. ``starter`` is the
    currency's smallest package, as long as that isn't this one.
    """

    offer: Offer
    terms: PurchaseTerms
    struck: Money | None = None
    refused: str = ""
    starter: PurchaseTerms | None = None

    @property
    def whole_discount(self) -> int:
        """Return by how many whole percent the price is below the struck one, for the badge."""
        return int(discount(self.terms.price, self.struck)) if self.struck else 0

    @property
    def less_than_starter(self) -> int:
        """Return by how many whole percent a credit costs less than with the starter package, at the prices shown."""
        if self.starter is None or not self.starter.price.minor:
            return 0
        ratio = self.terms.price.minor * self.starter.credits / self.terms.credits / self.starter.price.minor
        return max(0, int((1 - ratio) * 100))


@dataclass(frozen=True)
class EnteredCode:
    """The code that a buyer entered: what it takes off is in the offers, or why it can't be used is in ``refused``.
    ``is_offered``: there are codes, so there is a field for one.
    """

    is_offered: bool
    text: str
    refused: str = ""
    code: DiscountCode | None = None


def shown_offers(
    offers: Sequence[Offer], user: User, team: Team | None, entered: str
) -> tuple[list[ShownOffer], EnteredCode]:
    """Return the offers as the shop shows them, and what became known of the entered code."""
    sales = sales_now([offer.package for offer in offers])
    terms = [terms_of_offer(offer, sales.get(offer.package.pk)) for offer in offers]
    struck = struck_prices(terms)
    text = entered[:LONGEST_CODE].strip()
    code, refused = _usable(text, user, team) if text else (None, "")
    shown = [
        _with_code(offer, each, code, struck.get(offer.package.pk))
        for offer, each in zip(offers, terms, strict=True)
    ]
    if code is not None and shown and all(each.refused for each in shown):
        refused = shown[0].refused
    return _compared(shown), EnteredCode(bool(text) or codes_are_accepted(), text, refused, code)


def _usable(text: str, user: User, team: Team | None) -> tuple[DiscountCode | None, str]:
    try:
        code = find_code(text)
        require_use_left(code, user, account_of(user, team).first())
    except CodeRefused as error:
        return None, error.message
    return code, ""


def _with_code(
    offer: Offer, terms: PurchaseTerms, code: DiscountCode | None, struck: Money | None
) -> ShownOffer:
    refused = ""
    if code is not None and terms.price.minor:
        try:
            terms, struck = terms.with_code(code), terms.price
        except CodeRefused as error:
            refused = error.message
    return ShownOffer(replace(offer, reduced=terms.price), terms, struck, refused)


def _compared(shown: list[ShownOffer]) -> list[ShownOffer]:
    """Add the starter package to each offer of the same currency."""
    terms = {each.offer.package.pk: each.terms for each in shown}
    currencies = {each.offer.package.currency for each in shown}
    starters = {
        each: starter_in((shown_offer.offer.package for shown_offer in shown), each) for each in currencies
    }
    return [
        replace(each, starter=terms[starter.pk]) if starter and starter != each.offer.package else each
        for each in shown
        for starter in [starters[each.offer.package.currency]]
    ]
