"""Rates to price with. A moment that has passed can't be given: the tests look into the future instead."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from django.db import transaction

from credits.rates.changes import put_on_card
from credits.rates.models import Markup, Rate
from credits.rates.selectors import database_now


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


@transaction.atomic
def add_rate(
    provider: str,
    model: str,
    unit: str,
    price: Decimal | None,
    per: int = 1,
    effective_from: datetime | None = None,
) -> Rate:
    """A rate from a moment on, or from now on."""
    rate = Rate(provider=provider, model=model, unit=unit, price=price, per=per)
    rate.effective_from = effective_from or database_now()
    put_on_card(rate)
    return rate


@transaction.atomic
def add_markup(
    percent: Decimal | None, *, provider: str = "", model: str = "", effective_from: datetime | None = None
) -> Markup:
    """A markup from a moment on, or from now on: for a model, all of a provider, or everything."""
    markup = Markup(provider=provider, model=model, percent=percent)
    markup.effective_from = effective_from or database_now()
    put_on_card(markup)
    return markup


def utc(year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
