"""Know Stripe's currencies: decimals, minimums and maximums, in the smallest unit.

Copied by hand from https://docs.stripe.com/currencies.
"""

CURRENCIES = """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn bzd
    cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd
    hkd hnl hrk htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl
    mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr
    pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd
    tzs uah ugx uyu uzs vnd vuv wst xaf xcd xof xpf yer zar zmw
""".split()
_ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# They no longer have hundredths, but Stripe still writes them with two zeros.
_WITHOUT_HUNDREDTHS = frozenset(("isk", "ugx"))
# Others must only be worth half a dollar; without rates, that is taken to be 50 of the smallest unit.
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


def get_exponent(currency: str) -> int:
    """Return how many decimals the currency has: 2, 0 or 3."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def get_step(currency: str) -> int:
    """Return what every amount must be a multiple of: cards take no thousandths, and no abolished hundredths."""
    if currency in _WITHOUT_HUNDREDTHS:
        return 100
    return 10 if currency in _THREE_DECIMAL else 1


def get_minimum(currency: str) -> int:
    """Return the smallest amount that can be charged."""
    return max(_MINIMUMS.get(currency, 50), get_step(currency))


def get_maximum(currency: str) -> int:
    """Return the largest amount that can be charged, and the highest price."""
    return 999_999_999_999 if currency == "idr" else 99_999_999
