"""Figures are counted outside of any other transaction, so these tests commit what they do."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _committed(transactional_db: None) -> None:
    """Every test here."""
