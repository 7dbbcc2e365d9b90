"""A catalogue file is taken as a whole or refused with the line and the reason of each mistake."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from billing.errors import CatalogError
from billing.money import Money
from billing.packages.catalog_file import CatalogPackage, read_catalog
from tests.support.builders import CATALOGS

# The head's line 1 is the currency, so the package stands on line 2 and its code on line 3.
GOOD = """\
currency = "usd"
[[package]]
code = "starter"
name = "Starter"
credits = 1000
price = "10.00"
"""

Row = tuple[str, str, int, str, str]


def facts(package: CatalogPackage) -> Row:
    return (
        package.code,
        package.name,
        int(package.credits),
        str(package.price),
        package.badge,
    )


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "catalog.toml"


def test_the_standard_catalogue_sells_exactly_these_four_packs() -> None:
    assert [facts(package) for package in read_catalog(CATALOGS / "standard.toml").packages] == [
        ("starter", "Starter Pack", 1000, "$10.00", ""),
        ("standard", "Standard Pack", 5000, "$45.00", ""),
        ("pro", "Pro Pack", 10000, "$80.00", "popular"),
        ("enterprise", "Enterprise Pack", 50000, "$350.00", ""),
    ]


def test_the_growth_catalogue_sells_exactly_these_five_packs() -> None:
    assert [facts(package) for package in read_catalog(CATALOGS / "growth.toml").packages] == [
        ("starter", "Starter Pack", 100, "$10.00", ""),
        ("basic", "Basic Pack", 500, "$45.00", ""),
        ("pro", "Pro Pack", 1000, "$85.00", "popular"),
        ("premium", "Premium Pack", 2500, "$200.00", ""),
        ("enterprise", "Enterprise Pack", 10000, "$750.00", "best_value"),
    ]


def test_what_a_file_does_not_say_has_a_plain_default(write: Path) -> None:
    write.write_text(
        GOOD + '[[package]]\ncode = "big"\nname = "Big"\ncredits = 5.5\nprice = 0\nrepeatable = true\n'
    )

    first, second = read_catalog(write).packages
    assert first == CatalogPackage(
        code="starter",
        name="Starter",
        description="",
        credits=Decimal(1000),
        price=Money(1000, "usd"),
        badge="",
        display_order=1,
        is_active=True,
        validity_days=None,
        stripe_product_id="",
        stripe_price_id="",
        repeatable=False,
        prices={},
    )
    assert (second.credits, second.price, second.display_order) == (Decimal("5.5"), Money(0, "usd"), 2)
    assert second.repeatable is True


@pytest.mark.parametrize(
    ("currency", "price", "minor"),
    [
        ("jpy", "1500", 1500),
        ("kwd", '"1.500"', 1500),
        ("KWD", "1.5", 1500),
        ("usd", "0.5", 50),
        ("isk", "5", 500),
    ],
)
def test_a_price_is_in_its_currencys_own_unit(write: Path, currency: str, price: str, minor: int) -> None:
    write.write_text(GOOD.replace('"usd"', f'"{currency}"').replace('"10.00"', price))

    (package,) = read_catalog(write).packages
    assert package.price == Money(minor, currency.lower())


@pytest.mark.parametrize("said", ["10", "9.5", '"10.00"'])
def test_an_older_file_may_name_the_discount_that_its_prices_make(write: Path, said: str) -> None:
    write.write_text(
        GOOD
        + f'[[package]]\ncode = "big"\nname = "Big"\ncredits = 5000\nprice = 45\ndiscount_percentage = {said}\n'
    )
    assert [package.code for package in read_catalog(write).packages] == ["starter", "big"]


MISTAKES = {
    "an unknown key of the file": ('currency = "usd"', 'curency = "usd"', 1, "unknown key 'curency'"),
    "an unknown key of a package": ("credits =", "credit =", 5, "unknown key 'credit'"),
    "a missing key": ('name = "Starter"\n', "", 2, "'name' is missing"),
    "a currency that is none": ('"usd"', '"dollars"', 1, "currency 'dollars' is not one that Stripe accepts"),
    "a currency that is not text": ('"usd"', "840", 1, "currency 840 is not one that Stripe accepts"),
    "a negative price": ('"10.00"', '"-10.00"', 6, "price: -10.00 is negative"),
    "a price in words": ('"10.00"', '"ten"', 6, "price: 'ten' is not an amount"),
    "a price that is no number": ('"10.00"', '"NaN"', 6, "price: 'NaN' is not an amount"),
    "an endless price": ('"10.00"', "inf", 6, "price: inf is not an amount"),
    "a price that is a flag": ('"10.00"', "true", 6, "price: True is not an amount"),
    "a price finer than a cent": (
        '"10.00"',
        '"10.005"',
        6,
        "price: USD amounts have at most 2 decimal places.",
    ),
    "a price beyond all reason": (
        '"10.00"',
        "1" + "0" * 30,
        6,
        "price: Stripe’s maximum is $999,999.99.",
    ),
    "a currency of nobody's": ('"usd"', '"zzz"', 1, "currency 'zzz' is not one that Stripe accepts"),
    "a price below Stripe's least": ('"10.00"', '"0.10"', 6, "price: Stripe’s minimum is $0.50."),
    "a price above Stripe's most": (
        '"10.00"',
        '"9999999.99"',
        6,
        "price: Stripe’s maximum is $999,999.99.",
    ),
    "no credits": ("1000", "0", 5, "credits: 0 is not a number from 0.01 to"),
    "negative credits": ("1000", "-5", 5, "credits: -5 is not a number from"),
    "credits in words": ("1000", '"many"', 5, "credits: 'many' is not a number"),
    "credits that are no number": ("1000", "nan", 5, "credits: nan is not a number"),
    "too fine credits": ("1000", "1.005", 5, "credits: 1.005 has more than 2 decimal places"),
    "credits beyond the column": ("1000", "1" + "0" * 16, 5, "is not a number from 0.01 to"),
    "a code in capitals": ('"starter"', '"Starter Pack"', 3, "code: 'Starter Pack' is not lower-case"),
    "an empty code": ('"starter"', '""', 3, "code: '' is not lower-case letters"),
    "a code that is a number": ('"starter"', "7", 3, "code: 7 is not lower-case letters"),
    "an empty name": ('"Starter"', '""', 4, "name: '' is not 1 to 100 characters"),
    "a name too long": ('"Starter"', f'"{"x" * 101}"', 4, "is not 1 to 100 characters"),
    "an unknown badge": (
        "credits =",
        'badge = "hot"\ncredits =',
        5,
        "badge: 'hot' is not popular or best_value",
    ),
    "a product that is no id of Stripe's": (
        "credits =",
        'stripe_product_id = "Starter Pack"\ncredits =',
        5,
        "is not a Stripe product ID, prod_…",
    ),
    "a price of a product that isn't given": (
        "credits =",
        'stripe_price_id = "price_1"\ncredits =',
        5,
        "stripe_product_id is missing",
    ),
    "a discount that the prices don't make": (
        "credits =",
        "discount_percentage = 10\ncredits =",
        5,
        "discount_percentage: the prices give 0.00, not 10; leave it out",
    ),
    "more than all discount": (
        "credits =",
        "discount_percentage = 100.5\ncredits =",
        5,
        "discount_percentage: 100.5 is not a number from 0 to 100",
    ),
    "a discount below nothing": (
        "credits =",
        "discount_percentage = -0.5\ncredits =",
        5,
        "discount_percentage: -0.5 is not a number from 0 to 100",
    ),
    "a place below the first": (
        "credits =",
        "display_order = -1\ncredits =",
        5,
        "display_order: -1 is not a number from 0 to",
    ),
    "a place between two": (
        "credits =",
        "display_order = 1.5\ncredits =",
        5,
        "display_order: 1.5 has more than 0 decimal places",
    ),
    "a flag in words": ("credits =", 'active = "yes"\ncredits =', 5, "active: 'yes' is not true or false"),
    "no validity": (
        "credits =",
        "validity_days = 0\ncredits =",
        5,
        "validity_days: 0 is not a number of days",
    ),
    "a validity in words": (
        "credits =",
        'validity_days = "a year"\ncredits =',
        5,
        "validity_days: 'a year' is not a number of days from 1 to",
    ),
    "a validity beyond the column": (
        "credits =",
        "validity_days = 3000000000\ncredits =",
        5,
        "validity_days: 3000000000 is not a number of days",
    ),
}


@pytest.mark.parametrize(("old", "new", "line", "reason"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_line_and_reason(
    write: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert old in GOOD
    write.write_text(GOOD.replace(old, new))

    with pytest.raises(CatalogError) as refused:
        read_catalog(write)
    first = refused.value.message.splitlines()[0]
    assert first.startswith(f"{write}, line {line}: ")
    assert reason in refused.value.message


def test_a_second_package_of_the_same_code_names_both_lines(write: Path) -> None:
    write.write_text(GOOD + GOOD.removeprefix('currency = "usd"\n'))

    with pytest.raises(CatalogError) as refused:
        read_catalog(write)
    assert refused.value.message == f"{write}, line 8: code 'starter' is already used on line 3"


def test_every_mistake_of_a_file_is_named_at_once(write: Path) -> None:
    write.write_text(GOOD.replace('"10.00"', '"-1"').replace("1000", "0").replace("name", "nmae"))

    with pytest.raises(CatalogError) as refused:
        read_catalog(write)
    lines = [line.removeprefix(f"{write}, ") for line in refused.value.message.splitlines()]
    assert [line.split(":")[0] for line in lines] == ["line 4", "line 2", "line 5", "line 6"]


@pytest.mark.parametrize(
    "text",
    ["", 'currency = "usd"\n', "package = []\n", 'package = "starter"\n', "[package]\ncode = 'x'\n"],
    ids=["an empty file", "a currency alone", "an empty list", "a text", "one table and no list"],
)
def test_a_file_without_packages_is_refused(write: Path, text: str) -> None:
    write.write_text(text)

    with pytest.raises(CatalogError, match=r"line 1: no \[\[package\]\] in this file"):
        read_catalog(write)


def test_a_package_that_is_no_table_is_refused(write: Path) -> None:
    write.write_text('package = ["starter"]\n')

    with pytest.raises(CatalogError, match=r"line 1: 'starter' is not a \[\[package\]\] table"):
        read_catalog(write)


@pytest.mark.parametrize("content", [b"[[package", b'name = "a\nb"', b"\xff\xfe", b"price = 1.0.0"])
def test_what_is_no_toml_is_refused_with_the_parsers_reason(write: Path, content: bytes) -> None:
    write.write_bytes(content)

    with pytest.raises(CatalogError, match="not a TOML file: "):
        read_catalog(write)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"missing\.toml: No such file or directory"):
        read_catalog(tmp_path / "missing.toml")
