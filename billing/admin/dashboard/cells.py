"""Format table cells for pages and for CSV files."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.formats import date_format, number_format

from backoffice.display import EMPTY, percent
from billing.money import Money
from core.csv_lines import harmless
from credits.formatting import credits_amount, plain

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Share:
    """A share from 0 to 1; None if the whole is zero."""

    of_one: float | None


@dataclass(frozen=True)
class Link:
    """A link, with the HTML that the admin shows."""

    text: str
    html: str


Cell = str | int | Decimal | datetime.date | Money | Share | Link | None


def shown(cell: Cell) -> Any:
    """Format a cell for a page, with credits rounded to two decimals."""
    match cell:
        case None:
            return EMPTY
        case Money():
            return str(cell)
        case Share():
            return percent(cell.of_one)
        case Link():
            return cell.html
        case Decimal():
            return credits_amount(cell.quantize(CENT)).replace("-", "−")  # a minus
        case int():
            return number_format(cell, force_grouping=True)
        case datetime.date():
            return date_format(cell, "SHORT_DATE_FORMAT")
    return cell


def for_programs(cell: Cell) -> str:
    """Format a cell for CSV: money in the main unit, credits with all decimals, ISO dates, shares from 0 to 1."""
    match cell:
        case None:
            return ""
        case Money():
            return str(cell.major)
        case Share():
            return "" if cell.of_one is None else f"{cell.of_one:.6f}"
        case Link():
            return harmless(cell.text)
        case Decimal():
            return plain(cell)
        case datetime.date():
            return cell.isoformat()
        case int():
            return str(cell)
    return harmless(cell)


def is_number(cell: Cell) -> bool:
    return isinstance(cell, int | Decimal | Money | Share)
