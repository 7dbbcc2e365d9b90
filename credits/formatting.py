"""Format amounts of credits, for users and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import get_language_bidi

from core.csv_lines import harmless, utc_text


def plain(number: Decimal) -> str:
    """Format for programs: no exponent, no trailing zeros. 1.250000 is "1.25", 5E+3 is "5000"."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(text: str) -> str:
    """Keep a sign before its number where the text around runs from right to left."""
    return f"\N{LEFT-TO-RIGHT MARK}{text}" if get_language_bidi() else text


def credits_amount(amount: Decimal) -> str:
    """Format for reading: thousands separated, no trailing zeros. 5000.000000 is "5,000", 2.50 is "2.5"."""
    plain = f"{amount:f}"
    decimals = len(plain.rstrip("0").partition(".")[2]) if "." in plain else 0
    text = number_format(amount, decimal_pos=decimals, use_l10n=True, force_grouping=True)
    return signed(text) if amount < 0 else text


def credits_change(amount: Decimal) -> str:
    """Format a change for reading, with its sign: "+5,000"."""
    return signed(f"+{credits_amount(amount)}") if amount > 0 else credits_amount(amount)


def csv_row(values: Iterable[object]) -> list[str]:
    """Format a row of a CSV file, each value by its type. Text can't run as a formula."""
    return [_cell(value) for value in values]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return str(value)
        case Decimal():
            return plain(value)
        case datetime():
            return utc_text(value)
        case dict():
            return json.dumps(value, ensure_ascii=False) if value else ""
        case _:
            return harmless(str(value))
