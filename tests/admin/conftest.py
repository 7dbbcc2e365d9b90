"""Who may come to the back office, and something to find there."""

from __future__ import annotations

import pytest

from tests.admin.rows import Books, make_books


@pytest.fixture
def books(db: None) -> Books:
    return make_books()
