"""Rates to price with. A moment that has passed can't be given: the tests look into the future instead."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from credits.rates.changes import add_rate
from credits.rates.models import Rate


def put_rate(
    model: str = "chat-small",
    unit: str = "input_tokens",
    price: str | None = "1.25",
    per: int = 1000,
    *,
    provider: str = "example",
    effective_from: datetime | None = None,
) -> Rate:
    """A rate of 1.25 credits per 1,000 input tokens of example/chat-small, from now on, or what is asked for."""
    amount = None if price is None else Decimal(price)
    return add_rate(provider, model, unit, amount, per, effective_from)


def utc(year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
