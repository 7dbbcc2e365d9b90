"""Format amounts and times for people."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.payments.currencies import get_exponent

_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "cad": "CA$", "aud": "A$", "inr": "₹", "krw": "₩"}


def format_amount(amount: int, currency: str) -> str:
    """Format an amount: 4500 usd is $45.00, 2000 jpy is ¥2,000, 1500 kwd is KWD 1.500."""
    exponent = get_exponent(currency)
    figure = f"{Decimal(amount).scaleb(-exponent):,.{exponent}f}"
    sign = _SIGNS.get(currency)
    return f"{sign}{figure}" if sign else f"{currency.upper()} {figure}"


def format_rate(amount: int, currency: str, recurring: dict[str, Any]) -> str:
    """Format a recurring price, e.g. $40.00 / month, or $100.00 every 3 months."""
    unit, count = recurring["interval"], recurring["interval_count"]
    shown = format_amount(amount, currency)
    return f"{shown} / {unit}" if count == 1 else f"{shown} every {count} {unit}s"


def format_time(moment: int) -> str:
    """Format a Unix time, e.g. 21 Nov 2026, 04:30 UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y, %H:%M UTC")


def format_day(moment: int) -> str:
    """Format the day of a Unix time, e.g. 21 Nov 2026."""
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y")
