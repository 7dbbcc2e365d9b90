"""Compare what a checkout made of a purchase's price with what it was allowed to: tax, and promotion codes."""

from __future__ import annotations

from billing.purchases.models import Purchase
from billing.purchases.payment_reports import PaymentReport


def lacks_totals(purchase: Purchase, report: PaymentReport) -> bool:
    """Return whether a payment can't be judged yet: its checkout set the total, and only the payment reported it."""
    return purchase.checkout_sets_total and report.subtotal_minor is None


def take_totals(purchase: Purchase, report: PaymentReport) -> None:
    """Copy the tax and the promotion that a paid checkout reports, as far as they were asked for."""
    if not purchase.checkout_sets_total:
        return
    if purchase.tax_behavior and 0 <= report.tax_minor <= report.amount_minor:
        purchase.tax_minor = report.tax_minor
    if purchase.allows_promotion and 0 <= report.discount_minor <= purchase.price_minor:
        purchase.promotion_minor, purchase.promotion_code = report.discount_minor, report.promotion_code


def why_total_differs(purchase: Purchase, report: PaymentReport) -> str:
    """Return how the amount paid, or the sum that it comes from, differs from the purchase's; empty if it doesn't."""
    subtotal = report.subtotal_minor if purchase.checkout_sets_total else purchase.price_minor
    if (report.amount_minor, subtotal) == (purchase.total_minor, purchase.price_minor):
        return ""
    if not purchase.checkout_sets_total:
        return f"paid {report.amount_minor}, priced {purchase.total_minor} (minor units)"
    return (
        f"paid {report.amount_minor} of {subtotal} less {report.discount_minor}, tax {report.tax_minor}; "
        f"priced {purchase.price_minor}, tax {purchase.tax_behavior or 'off'} (minor units)"
    )
