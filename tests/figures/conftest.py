"""Figures are counted outside of any other transaction, so these tests commit what they do."""

from __future__ import annotations

import pytest

from billing.daily_figures import bring_figures_up_to_date


@pytest.fixture(autouse=True)
def _committed(transactional_db: None) -> None:
    """Every test here."""


def count() -> None:
    """What the job does each minute."""
    assert bring_figures_up_to_date()
