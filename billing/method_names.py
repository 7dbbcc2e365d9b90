"""Name payment methods as people know them: “Visa •••• 4242 (Apple Pay)”."""

from __future__ import annotations

from django.utils.translation import gettext as _

# Stripe's brands, wallets and methods whose usual names title case doesn't produce:
# https://docs.stripe.com/api/charges/object#charge_object-payment_method_details
NAMES = {
    "amex": "American Express",
    "diners": "Diners Club",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "apple_pay": "Apple Pay",
    "google_pay": "Google Pay",
    "samsung_pay": "Samsung Pay",
    "sepa_debit": "SEPA Direct Debit",
    "us_bank_account": "ACH Direct Debit",
    "bacs_debit": "Bacs Direct Debit",
    "paypal": "PayPal",
}


def method_name(kind: str, last4: str, wallet: str) -> str:
    """Return the name of a card's brand or a method, with its last digits and wallet; empty if unknown."""
    what = _named(kind)
    if not what:
        return ""
    digits = _("%(what)s •••• %(last4)s") % {"what": what, "last4": last4} if last4 else what
    return f"{digits} ({_named(wallet)})" if wallet else digits


def _named(name: str) -> str:
    return NAMES.get(name, name.replace("_", " ").title())
