"""The markup that the migration puts there: tests with real transactions empty every table after them."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from django.db import connection

ADD_DEFAULT_MARKUP: str = importlib.import_module("credits.rates.migrations.0002_default_markup").ADD


@pytest.fixture(autouse=True)
def _default_markup(request: Any) -> None:
    if request.node.get_closest_marker("django_db"):
        request.getfixturevalue(
            "db" if "transactional_db" not in request.fixturenames else "transactional_db"
        )
        with connection.cursor() as cursor:
            cursor.execute(ADD_DEFAULT_MARKUP)
