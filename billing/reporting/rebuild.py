"""Recount all daily figures, and compare them with those that jobs kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction

from billing.reporting.balance import unbalanced_currencies
from billing.reporting.daily_figures import count_changed_days, recount_sales
from billing.reporting.models import CheckoutDay, ReturnsDay, SalesDay, SettledDay
from credits.reporting.daily_figures import count_entries
from credits.reporting.models import AccountCount, FirstSpend, LedgerCount, LedgerDay, SpendingDay

COUNTED: tuple[type[models.Model], ...] = (
    *(CheckoutDay, SalesDay, ReturnsDay, SettledDay, LedgerDay, FirstSpend, SpendingDay),
)
ShowProgress = Callable[[float], None]


@dataclass(frozen=True)
class Recount:
    """A recount's result: a line per figure that differed, and per currency that doesn't add up to what was paid."""

    differences: list[str]
    unbalanced: list[str]


def rebuild_figures(progress: ShowProgress | None = None, *, keep: bool = True) -> Recount:
    """Recount all figures but the visits; without ``keep``, change nothing.

    All queries see the database at one moment, so that new rows make no difference. Jobs that count wait meanwhile.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            # The snapshot is taken after the lock: counts in progress have finished, and are visible.
            cursor.execute("LOCK TABLE reporting_salescount, credits_ledgercount IN EXCLUSIVE MODE")
        recount = _recount(progress)
        if not keep:
            transaction.set_rollback(True)
    return recount


def _recount(progress: ShowProgress | None) -> Recount:
    was_counted = (
        LedgerCount.objects.filter(zone=settings.TIME_ZONE).exists() and AccountCount.objects.exists()
    )
    count_changed_days()
    if was_counted:
        count_entries()
    before = _rows()
    recount_sales()
    count_entries(progress, from_scratch=True)
    differences = _differences(before, _rows()) if was_counted else []
    return Recount(differences, list(unbalanced_currencies()))


def _rows() -> set[tuple[Any, ...]]:
    rows = set()
    for model in COUNTED:
        columns = [field.attname for field in model._meta.concrete_fields if field.name != "id"]
        rows |= {(model._meta.model_name, *row) for row in model._default_manager.values_list(*columns)}
    return rows


def _differences(before: set[tuple[Any, ...]], now: set[tuple[Any, ...]]) -> list[str]:
    lines = [("was", row) for row in before - now] + [("is", row) for row in now - before]
    lines.sort(key=lambda line: (*map(str, line[1][:4]), line[0] == "is"))
    return [f"{state:3} {' '.join(map(str, row))}" for state, row in lines]
