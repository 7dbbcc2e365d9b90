"""Currencies whose smallest unit is not a hundredth. Stripe's amounts are always in the smallest unit."""

from decimal import Decimal

_ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf ugx vnd vuv xaf xof xpf".split()  # noqa: SIM905 - reads as a list
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "cad": "CA$", "aud": "A$", "inr": "₹", "krw": "₩"}


def get_exponent(currency: str) -> int:
    """How many decimals the currency's smallest unit stands for: 2, or 0 or 3."""
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def format_amount(amount: int, currency: str) -> str:
    """An amount for people: 4500 usd is $45.00, 2000 jpy is ¥2,000, 1500 kwd is KWD 1.500."""
    exponent = get_exponent(currency)
    figure = f"{Decimal(amount).scaleb(-exponent):,.{exponent}f}"
    sign = _SIGNS.get(currency)
    return f"{sign}{figure}" if sign else f"{currency.upper()} {figure}"
