"""Make ids with Stripe's prefixes and lengths, so that whatever parses, stores or shows them meets real ones."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_SHAPES = {
    "product": ("prod_", 14),
    "price": ("price_1", 23),
    "customer": ("cus_", 14),
    "checkout.session": ("cs_test_a1", 56),
    "payment_method": ("pm_1", 23),
    "payment_intent": ("pi_3", 23),
    "setup_intent": ("seti_1", 23),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "charge": ("ch_3", 23),
    "card": ("card_1", 23),
    "balance_transaction": ("txn_3", 23),
    "refund": ("re_3", 23),
    "dispute": ("du_1", 23),
    "event": ("evt_1", 23),
    "webhook_endpoint": ("we_1", 23),
    "item": ("li_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "line_item": ("il_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "coupon": ("", 8),
    "promotion_code": ("promo_1", 23),
    "tax_rate": ("txr_1", 23),
    "request": ("req_", 14),
}


def make_id(object_type: str, *, live: bool = False) -> str:
    """Return a new id for an object of this type. A checkout session's id contains the mode."""
    prefix, length = _SHAPES[object_type]
    if live:
        prefix = prefix.replace("_test_", "_live_")
    return prefix + make_token(length)


def make_digits(length: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(length))


def make_token(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
