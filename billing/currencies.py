"""Define Stripe's rules for currencies, from the sections of https://docs.stripe.com/currencies named below.

Its minimum is that of the account's payout currency, unknown here: a small price in another may still be refused.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# #presentment-currencies: the list in the API's error for an unknown currency, less withdrawn ones.
SUPPORTED = frozenset(
    """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd cad cdf chf clp
    cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl htg huf idr ils inr isk
    jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn
    nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std
    szl thb tjs tnd top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
    """.split()  # noqa: SIM905 - reads as a list
)
# #zero-decimal. It lists UGX too, but #special-cases gives that two places.
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
# #three-decimal: "these API calls require the least-significant (last) digit to be 0", refunds included.
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# #special-cases: two places, "where the decimal amount is always 00". HUF and TWD are whole in payouts only.
WHOLE = frozenset(("isk", "ugx"))
# #minimum-and-maximum-charge-amounts, in the smallest unit. Elsewhere only the conversion sets a minimum.
HALF = "usd ars aud brl cad chf cop eur idr ils inr nzd php rub sgd zar jpy krw"
MINIMUM = {
    **dict.fromkeys(HALF.split(), 50),
    "gbp": 30,
    "bgn": 100,
    "aed": 200,
    "myr": 200,
    "pln": 200,
    "ron": 200,
    "dkk": 250,
    "nok": 300,
    "sek": 300,
    "hkd": 400,
    "mxn": 1000,
    "thb": 1000,
    "czk": 1500,
    "huf": 17500,
}
# Same section: eight digits, or more where a card or every method takes more. Stripe has named twelve for cards.
MAXIMUM = {
    "inr": 999_999_999,
    "jpy": 9_999_999_999,
    **dict.fromkeys(("cop", "huf", "idr", "lbp"), 999_999_999_999),
}
EIGHT_DIGITS = 99_999_999


def decimal_places(currency: str) -> int:
    """Return how many decimal places the currency's amounts have: 2 for USD, 0 for JPY, 3 for KWD."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def too_many_decimals(currency: str) -> str:
    """Return the error message for an amount with more decimal places than the currency has."""
    places = decimal_places(currency)
    if not places:
        return _("%s amounts must be whole numbers.") % currency.upper()
    message = ngettext(
        "%(currency)s amounts have at most %(places)d decimal place.",
        "%(currency)s amounts have at most %(places)d decimal places.",
        places,
    )
    return message % {"currency": currency.upper(), "places": places}


def most_chargeable(currency: str) -> int:
    """Return the highest amount that Stripe charges at once, in minor units."""
    return MAXIMUM.get(currency, EIGHT_DIGITS)


def smallest_step(currency: str) -> int:
    """Return the multiple that every amount must be of, in minor units: 1 for USD, 10 for KWD, 100 for ISK."""
    if currency in WHOLE:
        return 100
    return 10 if currency in THREE_DECIMAL else 1


def too_fine(minor: int, currency: str) -> str:
    """Return why Stripe can't charge or refund an amount this fine, though the currency has such units; else empty."""
    if minor % smallest_step(currency) == 0:
        return ""
    if currency in WHOLE:
        return _("Stripe only accepts whole amounts in %s.") % currency.upper()
    return _("Stripe accepts two decimal places in %s; the third must be 0.") % currency.upper()
