"""Read the amount that a buyer chose, and show what it buys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from billing.errors import AmountRefused
from billing.packages.amounts import PricedAmount, price_amount
from billing.packages.models import CustomAmount, Package
from billing.packages.prices import sold_in
from billing.packages.selectors import custom_amounts_on_sale, packages_on_sale
from core.amounts.parsing import NotAnAmount, parse_amount


@dataclass(frozen=True)
class AmountCard:
    """The shop's card for one currency. ``asked`` is the amount as typed, and ``priced`` or ``error`` the answer."""

    limits: CustomAmount
    asked: str = ""
    priced: PricedAmount | None = None
    error: str = ""


def amount_cards(currency: str, asked: Mapping[str, str]) -> list[AmountCard]:
    """Return a card for each currency, or only for the chosen one if amounts are sold in it. One has the answer to
    ``asked``, a form's amount and currency.
    """
    typed, of = asked.get("amount", "").strip()[:40], asked.get("currency", "")
    entries = list(custom_amounts_on_sale())
    chosen = [entry for entry in entries if entry.currency == currency]
    return [
        answer(entry, typed, sold_in(packages_on_sale(), entry.currency))
        if "amount" in asked and entry.currency == of
        else AmountCard(entry)
        for entry in chosen or entries
    ]


def answer(entry: CustomAmount, typed: str, packages: Sequence[Package]) -> AmountCard:
    """Return the card that says what the typed amount buys, or what is wrong with it."""
    try:
        return AmountCard(entry, typed, price_amount(parse_amount(typed, signed=True), entry, packages))
    except NotAnAmount:
        return AmountCard(entry, typed, error=_("Enter an amount such as %s.") % entry.minimum.major)
    except AmountRefused as error:
        return AmountCard(entry, typed, error=error.message)
