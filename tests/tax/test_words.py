"""The shop says beside its prices whether they include tax."""

from __future__ import annotations

from typing import Any

import pytest

from billing.pages.tax_words import tax_words


@pytest.mark.parametrize(
    ("currencies", "expected"),
    [
        ([], ""),
        (["eur", "gbp"], "Prices include tax."),
        (["usd"], "Tax is added at the checkout."),
        (
            ["usd", "gbp", "eur"],
            "Prices in EUR, GBP include tax. Tax on prices in USD is added at the checkout.",
        ),
    ],
)
def test_prices_say_whether_they_include_tax(settings: Any, currencies: list[str], expected: str) -> None:
    settings.TAX, settings.TAX_INCLUSIVE_CURRENCIES = "stripe", ["eur", "gbp"]
    assert tax_words(currencies) == expected
    settings.TAX_POINT = "spend"
    assert tax_words(currencies) == ""
    settings.TAX, settings.TAX_POINT = "off", "sale"
    assert tax_words(currencies) == ""
