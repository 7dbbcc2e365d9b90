"""What stands in a table: how it is shown to people, and how it is written for programs."""

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
    """How much of something, from 0 to 1; None where there is nothing to have a share of."""

    of_one: float | None


@dataclass(frozen=True)
class Link:
    """A name that leads somewhere, as the admin writes it."""

    text: str
    html: str


Cell = str | int | Decimal | datetime.date | Money | Share | Link | None


def shown(cell: Cell) -> Any:
    """For people. Credits are shown to the hundredth."""
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
    """Money in the main unit with a point, credits with all their places, dates as year-month-day, shares up to 1."""
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
