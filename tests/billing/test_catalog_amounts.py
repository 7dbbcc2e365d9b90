"""A catalogue file's custom amounts are taken as a whole or refused with the line and the reason of each mistake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from billing.errors import CatalogError
from billing.packages.catalog_file import read_catalog

# The table is on line 7 and its minimum on line 8.
GOOD = """\
currency = "usd"
[[package]]
code = "starter"
name = "Starter"
credits = 1000
price = "10.00"
[[custom_amount]]
minimum = "5.00"
maximum = 500
increment = "0.50"
credits_per_unit = "100.5"
"""


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "catalog.toml"


def test_each_currency_has_a_table_with_money_in_its_own_unit(write: Path) -> None:
    write.write_text(
        GOOD
        + '[[custom_amount]]\ncurrency = "JPY"\nminimum = 500\nmaximum = 50000\nincrement = 100\n'
        + 'credits_per_unit = "0.66"\nvalidity_days = 365\nactive = false\n'
        + '[[custom_amount]]\ncurrency = "kwd"\nminimum = "1.500"\nmaximum = 15\nincrement = "0.01"\n'
        + "credits_per_unit = 300\n"
    )

    found = [
        (row.currency, row.minimum_minor, row.maximum_minor, row.increment_minor, row.credits_per_unit)
        for row in read_catalog(write).custom_amounts
    ]
    assert found == [
        ("usd", 500, 50000, 50, Decimal("100.5")),
        ("jpy", 500, 50000, 100, Decimal("0.66")),
        ("kwd", 1500, 15000, 10, Decimal(300)),
    ]
    usd, jpy, _kwd = read_catalog(write).custom_amounts
    assert (usd.validity_days, usd.is_active) == (None, True)
    assert (jpy.validity_days, jpy.is_active) == (365, False)


MISTAKES = {
    "an unknown key": ("maximum =", "maximun =", 9, "maximun: unknown key"),
    "a missing key": ("maximum = 500\n", "", 7, "'maximum' is missing"),
    "a minimum that is no amount": ('"5.00"', '"five"', 8, "minimum: 'five' is not an amount"),
    "a minimum finer than a cent": ('"5.00"', '"5.005"', 8, "minimum: USD amounts have at most 2 decimal"),
    "a minimum of nothing": ('"5.00"', "0", 8, "minimum: Ensure this value is greater than or equal to 1."),
    "a minimum below Stripe's": ('"5.00"', '"0.10"', 8, "minimum: Stripe’s minimum is $0.50."),
    "a maximum above Stripe's": ("500", "1000000", 9, "maximum: Stripe’s maximum is $999,999.99."),
    "a maximum below the minimum": ("500", "4", 9, "maximum: Enter at least the minimum."),
    "a minimum off the increment": ('"5.00"', '"5.25"', 8, "minimum: Enter a multiple of the increment, $0.50."),
    "a maximum off the increment": ("500", '"500.25"', 9, "maximum: Enter a multiple of the increment, $0.50."),
    "an increment of nothing": ('"0.50"', "0", 10, "increment: Ensure this value is greater than or equal to 1."),
    "a negative increment": ('"0.50"', '"-0.50"', 10, "increment: Ensure this value is greater than"),
    "too few credits": ('"100.5"', '"0.1"', 11, "credits_per_unit: The minimum must buy at least one credit."),
    "no credits": ('"100.5"', "0", 11, "credits_per_unit: The minimum must buy at least one credit."),
    "too fine credits": ('"100.5"', '"0.3333333"', 11, "credits_per_unit: Ensure that there are no more than 6"),
    "a currency that is none": ('"5.00"', '"5.00"\ncurrency = "zzz"', 9, "currency: Enter a currency that Stripe"),
    "a currency that is not text": ('"5.00"', '"5.00"\ncurrency = 840', 9, "currency: 840 is not text"),
    "a fraction that Stripe refuses": (
        '"0.50"', '"0.50"\ncurrency = "isk"', 10, "increment: Stripe only accepts whole amounts in ISK.",
    ),
    "a validity in words": ('"0.50"', '"0.50"\nvalidity_days = "30"', 11, "validity_days: '30' is not a number of"),
    "no validity": ('"0.50"', '"0.50"\nvalidity_days = 0', 11, "validity_days: Ensure this value is greater than"),
    "a flag in words": ('"0.50"', '"0.50"\nactive = "yes"', 11, "active: 'yes' is not true or false"),
    "a table of its own": ("[[custom_amount]]", "[custom_amount]", 7, "custom_amount is not a [[custom_amount]] table"),
    "a package that takes the code": ('"starter"', '"custom"', 3, "code: 'custom' is the code of custom amounts"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "reason"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_line_and_reason(
    write: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert GOOD.count(old) == 1
    write.write_text(GOOD.replace(old, new))

    with pytest.raises(CatalogError) as refused:
        read_catalog(write)
    first = refused.value.message.splitlines()[0]
    assert first.startswith(f"{write}, line {line}: {reason}")


def test_a_second_table_of_a_currency_is_refused(write: Path) -> None:
    table = GOOD[GOOD.index("[[custom_amount]]") :]
    write.write_text(GOOD + table + 'currency = "USD"\n')

    with pytest.raises(CatalogError) as refused:
        read_catalog(write)
    expected = f"{write}, line 17: currency 'usd' already has a [[custom_amount]] on line 7"
    assert refused.value.message == expected
