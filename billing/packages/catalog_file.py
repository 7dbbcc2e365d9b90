"""Read a catalogue file (TOML) and report each mistake with its line.

It has a ``currency``, a ``[[package]]`` table per package, a ``[[plan]]`` table per plan, and a ``[[custom_amount]]``
table per currency in which buyers choose the amount; `billing/packages/catalogs/demo.toml` is an example,
docs/go-live.md has the keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.currencies import SUPPORTED
from billing.errors import CatalogError
from billing.money import Money, price_refusal
from billing.packages.catalog_amounts import TABLE as CUSTOM_AMOUNT
from billing.packages.catalog_amounts import read_custom_amounts
from billing.packages.catalog_plans import TABLE as PLAN
from billing.packages.catalog_plans import read_plans
from billing.packages.models import (
    CUSTOM_CODE,
    LARGEST_CREDITS,
    LONGEST_VALIDITY_DAYS,
    PRICE_ID,
    PRODUCT_ID,
    SEVERAL_CODE,
    CustomAmount,
    Package,
)
from billing.packages.pricing import offers
from billing.plans.models import Plan
from billing.texts import mistakes_in
from core.amounts.parsing import NotAnAmount
from core.toml_files import TomlFile

FILE_KEYS = {"currency", "package", PLAN, CUSTOM_AMOUNT}
REQUIRED = {"code", "name", "credits", "price"}
OPTIONAL = {
    "description",
    "discount_percentage",
    "badge",
    "display_order",
    "active",
    "validity_days",
    "bonus_credits",
    "bonus_validity_days",
    "repeatable",
    "prices",
    "texts",
}
OPTIONAL |= {"stripe_product_id", "stripe_price_id"}
SMALLEST_CREDITS = Decimal("0.01")


@dataclass(frozen=True)
class CatalogPackage:
    """A validated package of a catalogue file."""

    code: str
    name: str
    description: str
    credits: Decimal
    price: Money
    badge: str
    display_order: int
    is_active: bool
    validity_days: int | None
    stripe_product_id: str
    stripe_price_id: str
    repeatable: bool
    prices: dict[str, int]
    bonus_credits: Decimal = Decimal(0)
    bonus_validity_days: int | None = None
    texts: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """A file's packages in its order, and its custom amounts and plans as unsaved rows."""

    packages: list[CatalogPackage]
    custom_amounts: list[CustomAmount]
    plans: list[Plan]


def read_catalog(path: Path) -> Catalog:
    """Return what the file puts on sale.

    Raises:
        CatalogError: the file can't be read or has mistakes; the message has one line for each.
    """
    return _Reader(TomlFile(path, CatalogError)).read()


class _Reader:
    """A reader of one file, which collects its packages and mistakes."""

    def __init__(self, file: TomlFile) -> None:
        self.file = file
        self.currency = "usd"

    def read(self) -> Catalog:
        data = self.file.data
        for key in sorted(data.keys() - FILE_KEYS):
            known = f"currency, [[package]], [[{PLAN}]] and [[{CUSTOM_AMOUNT}]]"
            self._mistake(self._line_of(key), f"unknown key {key!r}; known are {known}")
        self.currency = self._currency(data.get("currency", "usd"))
        tables = self._tables(data.get("package", []))
        packages = [self._package(index, table) for index, table in enumerate(tables)]
        self._refuse_duplicates(tables, "code")
        self._refuse_duplicates(tables, "stripe_product_id")
        if not self.file.mistakes:
            self._compare_discounts(tables, packages)
        custom_amounts = read_custom_amounts(self.file, self.currency)
        plans = read_plans(self.file, self.currency)
        self.file.raise_mistakes()
        return Catalog([package for package in packages if package], custom_amounts, plans)

    def _tables(self, value: object) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not value:
            self._mistake(1, "no [[package]] in this file")
            return []
        for table in value:
            if not isinstance(table, dict):
                self._mistake(self._line_of("package"), f"{table!r} is not a [[package]] table")
        return [table for table in value if isinstance(table, dict)]

    def _currency(self, value: object) -> str:
        if isinstance(value, str) and value.lower() in SUPPORTED:
            return value.lower()
        self._mistake(
            self._line_of("currency"), f"currency {value!r} is not one that Stripe accepts, such as usd"
        )
        return "usd"

    def _package(self, index: int, table: dict[str, Any]) -> CatalogPackage | None:
        before = len(self.file.mistakes)
        for key in sorted(table.keys() - REQUIRED - OPTIONAL):
            self._mistake(self._line_of(key, index), f"unknown key {key!r}")
        for key in sorted(REQUIRED - table.keys()):
            self._mistake(self._line_of("", index), f"{key!r} is missing")
        fields = _Fields(self, index, table)
        fields.number("discount_percentage", Decimal(0), Decimal(100), 2, 0)
        package = CatalogPackage(
            code=fields.text("code", r"[a-z0-9][a-z0-9_-]{0,49}", "lower-case letters, digits, - and _"),
            name=fields.text("name", r".{1,100}", "1 to 100 characters"),
            description=fields.text("description", r".{0,500}", "at most 500 characters", ""),
            credits=fields.number("credits", SMALLEST_CREDITS, LARGEST_CREDITS, places=2),
            price=fields.price(self.currency),
            badge=fields.text("badge", "|".join(Package.Badge.values), "popular or best_value", ""),
            display_order=int(fields.number("display_order", Decimal(0), Decimal(10**6), 0, index + 1)),
            is_active=fields.flag("active", default=True),
            validity_days=fields.days("validity_days"),
            bonus_credits=fields.number("bonus_credits", Decimal(0), LARGEST_CREDITS, 2, 0),
            bonus_validity_days=fields.days("bonus_validity_days"),
            stripe_product_id=fields.text("stripe_product_id", PRODUCT_ID, "a Stripe product ID, prod_…", ""),
            stripe_price_id=fields.text("stripe_price_id", PRICE_ID, "a Stripe price ID, price_…", ""),
            repeatable=fields.flag("repeatable", default=False),
            prices=fields.prices(self.currency),
            texts=fields.texts(),
        )
        if package.code == CUSTOM_CODE:
            fields._wrong("code", f"{CUSTOM_CODE!r} is the code of custom amounts")
        if package.code == SEVERAL_CODE:
            fields._wrong("code", f"{SEVERAL_CODE!r} is the code of several packages")
        if package.bonus_validity_days and not package.bonus_credits:
            fields._wrong("bonus_validity_days", "there is no bonus to expire: bonus_credits is missing or 0")
        if package.stripe_price_id and not package.stripe_product_id:
            fields._wrong("stripe_price_id", "a price needs its product: stripe_product_id is missing")
        return package if len(self.file.mistakes) == before else None

    def _compare_discounts(self, tables: list[dict[str, Any]], packages: list[CatalogPackage | None]) -> None:
        """Check the discounts that older files state against the prices, from which they follow."""
        on_sale = [
            Package(
                pk=index, credits=each.credits, price_minor=each.price.minor, currency=each.price.currency
            )
            for index, each in enumerate(packages)
            if each and each.is_active
        ]
        for offer in offers(on_sale):
            index, made = offer.package.pk, offer.discount_percentage
            said = Decimal(str(tables[index].get("discount_percentage", made)))
            if abs(said - made) >= 1:
                line = self._line_of("discount_percentage", index)
                self._mistake(line, f"discount_percentage: the prices give {made}, not {said}; leave it out")

    def _refuse_duplicates(self, tables: list[dict[str, Any]], key: str) -> None:
        first: dict[object, int] = {}
        for index, table in enumerate(tables):
            value, line = table.get(key), self._line_of(key, index)
            if isinstance(value, str) and value in first:
                self._mistake(line, f"{key} {value!r} is already used on line {first[value]}")
            elif isinstance(value, str):
                first[value] = line

    def _mistake(self, line: int, reason: str) -> None:
        self.file.note_mistake(line, reason)

    def _line_of(self, key: str, index: int | None = None) -> int:
        return self.file.line_of(key) if index is None else self.file.line_of(key, "package", index)


class _Fields:
    """The fields of one [[package]]. Invalid ones are reported and replaced by defaults so that reading continues."""

    def __init__(self, reader: _Reader, index: int, table: dict[str, Any]) -> None:
        self.reader, self.index, self.table = reader, index, table

    def text(self, key: str, pattern: str, expected: str, default: str = "-") -> str:
        value = self.table.get(key, default)
        if key in self.table and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            self._wrong(key, f"{value!r} is not {expected}")
            return default
        return str(value)

    def number(
        self, key: str, lowest: Decimal, highest: Decimal, places: int, default: int | str = "1"
    ) -> Decimal:
        value = self._number(key, default)
        if value is None or not lowest <= value <= highest:
            self._wrong(
                key, f"{self.table[key]!r} is not a number from {lowest} to {highest} in plain digits"
            )
            return Decimal(default)
        if value != round(value, places):
            self._wrong(key, f"{value} has more than {places} decimal places")
        return value

    def price(self, currency: str) -> Money:
        value = self._number("price", 0)
        if value is None:
            self._wrong("price", f'{self.table["price"]!r} is not an amount such as "10.00"')
        elif value < 0:
            self._wrong("price", f"{value} is negative")
        else:
            try:
                return self._payable(Money.from_major(value, currency))
            except ValueError as error:
                self._wrong("price", str(error))
        return Money(0, currency)

    def prices(self, own: str) -> dict[str, int]:
        """Return the prices in other currencies, in minor units."""
        given = self.table.get("prices", {})
        if not isinstance(given, dict):
            self._wrong("prices", 'write them as prices = { eur = "9.00" }')
            return {}
        found = {}
        for currency, value in given.items():
            try:
                found[currency] = self._price_in(currency, own, value)
            except (ValueError, NotAnAmount) as error:
                self._wrong("prices", f"{currency}: {error}")
        return found

    def texts(self) -> dict[str, dict[str, str]]:
        texts: dict[str, dict[str, str]] = self.table.get("texts", {})
        for mistake in mistakes_in(texts):
            self._wrong("texts", mistake)
        return texts

    def _price_in(self, currency: str, own: str, value: object) -> int:
        if currency not in SUPPORTED or currency == own:
            raise ValueError("is not another currency that Stripe accepts")
        amount = self.reader.file.read_number(value, self.reader._line_of("prices", self.index))
        price = self._payable(Money.from_major(amount, currency))
        if price.minor <= 0:
            raise ValueError(f"{amount} is not above zero")
        return price.minor

    def _payable(self, price: Money) -> Money:
        if refusal := price_refusal(price):
            raise ValueError(refusal)
        return price

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.table.get(key, default)
        if not isinstance(value, bool):
            self._wrong(key, f"{value!r} is not true or false")
        return bool(value)

    def days(self, key: str) -> int | None:
        if key not in self.table:
            return None
        value, days = self.table[key], self._number(key, 1)
        if type(value) is not int or days is None or not 1 <= days <= LONGEST_VALIDITY_DAYS:
            self._wrong(key, f"{value!r} is not a number of days from 1 to {LONGEST_VALIDITY_DAYS}")
            return None
        return value

    def _number(self, key: str, default: int | str) -> Decimal | None:
        """Return the number; None unless it is written in plain digits."""
        if key not in self.table:
            return Decimal(default)
        try:
            return self.reader.file.read_number(self.table[key], self.reader._line_of(key, self.index))
        except NotAnAmount:
            return None

    def _wrong(self, key: str, reason: str) -> None:
        self.reader._mistake(self.reader._line_of(key, self.index), f"{key}: {reason}")
