"""Figures are counted outside of any other transaction, so these tests commit what they do."""

from __future__ import annotations

from datetime import datetime

import pytest

from billing.purchases.models import Payment, Purchase
from billing.reporting.daily_figures import bring_figures_up_to_date


@pytest.fixture(autouse=True)
def _committed(transactional_db: None) -> None:
    """Every test here."""


def paid_at(purchase: Purchase, at: datetime) -> None:
    """As if it had been begun and paid then."""
    Purchase.objects.filter(pk=purchase.pk).update(created_at=at, completed_at=at)
    Payment.objects.filter(purchase=purchase).update(paid_at=at)
    purchase.refresh_from_db()


def count() -> None:
    """What the job does each minute."""
    bring_figures_up_to_date()
