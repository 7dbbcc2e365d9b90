"""Currencies: how many decimals, and how little and how much can be charged. Stripe's amounts are in the smallest unit.

From https://docs.stripe.com/currencies, by hand: which there are, minimums, maximums and special cases.
"""

from decimal import Decimal

CURRENCIES = """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
    cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
    hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl
    mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr
    pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd
    tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
""".split()  # noqa: SIM905 - reads as a list
_ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - reads as a list
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# They have lost their hundredths; at Stripe they are written with two zeros all the same.
_WITHOUT_HUNDREDTHS = frozenset(("isk", "ugx"))
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "cad": "CA$", "aud": "A$", "inr": "₹", "krw": "₩"}
# What isn't listed need only be worth half a dollar; without rates that is taken to be 50 of the smallest unit.
_MINIMUMS = {
    "aed": 200,
    "bgn": 100,
    "czk": 1500,
    "dkk": 250,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "thb": 1000,
}
_MINIMUM = 50
_MAXIMUM = 99_999_999
_MAXIMUMS = {"idr": 999_999_999_999}


def get_exponent(currency: str) -> int:
    """How many decimals the currency's smallest unit stands for: 2, or 0 or 3."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def get_step(currency: str) -> int:
    """What every amount is a multiple of: cards know no thousandths, and no hundredths where a currency lost them."""
    if currency in _WITHOUT_HUNDREDTHS:
        return 100
    return 10 if currency in _THREE_DECIMAL else 1


def get_minimum(currency: str) -> int:
    """The least that can be charged."""
    return max(_MINIMUMS.get(currency, _MINIMUM), get_step(currency))


def get_maximum(currency: str) -> int:
    """The most that can be charged, and the most a price can be."""
    return _MAXIMUMS.get(currency, _MAXIMUM)


def format_amount(amount: int, currency: str) -> str:
    """An amount for people: 4500 usd is $45.00, 2000 jpy is ¥2,000, 1500 kwd is KWD 1.500."""
    exponent = get_exponent(currency)
    figure = f"{Decimal(amount).scaleb(-exponent):,.{exponent}f}"
    sign = _SIGNS.get(currency)
    return f"{sign}{figure}" if sign else f"{currency.upper()} {figure}"
