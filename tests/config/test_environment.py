"""Settings that are read from the environment: what can't be read keeps the site from starting, and is named."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("60/min", (60, 60)),
        ("60/m", (60, 60)),
        ("5/s", (5, 1)),
        ("1000/hour", (1000, 3600)),
        ("1/day", (1, 86400)),
    ],
)
def test_a_rate_is_so_many_in_so_many_seconds(
    monkeypatch: pytest.MonkeyPatch, written: str, rate: tuple[int, int]
) -> None:
    monkeypatch.setenv("SOME_RATE", written)

    assert Environment().rate("SOME_RATE", default="1/s") == rate


@pytest.mark.parametrize("written", ["60", "/min", "60/", "-1/min", "60/fortnight", "1e3/min", "60 / min"])
def test_what_is_no_rate_is_named(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("SOME_RATE", written)

    with pytest.raises(ImproperlyConfigured, match="SOME_RATE"):
        Environment().rate("SOME_RATE", default="1/s")
