"""Read the amount that a buyer chose, and show what it buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing.checkout.terms import terms_of_priced
from billing.discounts.amounts import priced_by
from billing.discounts.models import DiscountCode
from billing.errors import AmountRefused, CodeRefused
from billing.money import Money
from billing.packages.amounts import PricedAmount
from billing.packages.models import CustomAmount, Package
from billing.packages.prices import sold_in
from billing.packages.pricing import cost_per_thousand
from billing.packages.selectors import custom_amounts_on_sale, packages_on_sale
from core.amounts.parsing import NotAnAmount, parse_amount


@dataclass(frozen=True)
class AmountCard:
    """The shop's card for one currency. ``asked`` is the amount as typed, and ``priced`` or ``error`` the answer.
    ``price`` is what is to be paid, with the ``code`` if that applies; else ``refused`` says why not.
    """

    limits: CustomAmount
    asked: str = ""
    priced: PricedAmount | None = None
    error: str = ""
    price: Money | None = None
    code: DiscountCode | None = None
    refused: str = ""

    @property
    def cost_per_thousand(self) -> Money | None:
        return cost_per_thousand(self.price, self.priced.credits) if self.price and self.priced else None


def amount_cards(currency: str, asked: Mapping[str, str], code: DiscountCode | None) -> list[AmountCard]:
    """Return a card for each currency, or only for the chosen one if amounts are sold in it. One has the answer to
    ``asked``, a form's amount and currency, with the code that was entered.
    """
    typed, of = asked.get("amount", "").strip()[:40], asked.get("currency", "")
    entries = list(custom_amounts_on_sale())
    chosen = [entry for entry in entries if entry.currency == currency]
    return [
        answer(entry, typed, sold_in(packages_on_sale(), entry.currency), code)
        if "amount" in asked and entry.currency == of
        else AmountCard(entry)
        for entry in chosen or entries
    ]


def answer(
    entry: CustomAmount, typed: str, packages: Sequence[Package], code: DiscountCode | None
) -> AmountCard:
    """Return the card that says what the typed amount buys, or what is wrong with it."""
    try:
        both = priced_by(parse_amount(typed, signed=True), entry, packages)
    except NotAnAmount:
        return AmountCard(entry, typed, error=_("Enter an amount such as %s.") % entry.minimum.major)
    except AmountRefused as error:
        return AmountCard(entry, typed, error=error.message)
    now, terms = both.now, terms_of_priced(both)
    if code is None:
        return AmountCard(entry, typed, now, price=terms.price)
    try:
        price = terms.with_code(code).price
    except CodeRefused as error:
        return AmountCard(entry, typed, now, price=terms.price, refused=error.message)
    return AmountCard(entry, typed, now if code.stackable else both.regular, price=price, code=code)
