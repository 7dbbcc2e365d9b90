"""Show staff what a checkout made of a purchase's price."""

from __future__ import annotations

from django.utils.translation import gettext as _

from billing.purchases.models import Purchase


def totals_of(purchase: Purchase) -> dict[str, str]:
    """Return the price, promotion, tax and net amount by name; nothing if the price is what was paid."""
    if not purchase.has_totals:
        return {}
    totals = {_("Price"): str(purchase.price)}
    if purchase.promotion_minor:
        totals[_("Promotion code %s") % purchase.promotion_code] = f"−{purchase.promotion}"
    if purchase.tax_minor:
        totals[_("Tax, %s") % purchase.get_tax_behavior_display()] = str(purchase.tax)
        totals[_("Net amount")] = str(purchase.net)
    if purchase.tax_note:
        totals[_("No tax")] = purchase.get_tax_note_display()
    return totals
