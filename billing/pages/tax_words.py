"""Say beside prices whether they include tax."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from billing.tax import EXCLUSIVE, INCLUSIVE, tax_behavior


def tax_words(currencies: Iterable[str]) -> str:
    """Return a sentence about prices in these currencies; empty if they aren't taxed."""
    taxed = {currency: tax_behavior(currency) for currency in set(currencies)}
    match sorted(set(taxed.values())):
        case [] | [""]:
            return ""
        case [only]:
            return _("Prices include tax.") if only == INCLUSIVE else _("Tax is added at the checkout.")
    including = ", ".join(sorted(each.upper() for each, how in taxed.items() if how == INCLUSIVE))
    excluding = ", ".join(sorted(each.upper() for each, how in taxed.items() if how == EXCLUSIVE))
    return _(
        "Prices in %(including)s include tax. Tax on prices in %(excluding)s is added at the checkout."
    ) % {
        "including": including,
        "excluding": excluding,
    }
