"""Loading makes what is on sale equal to the file: all of it or nothing, and a second time changes nothing."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from billing.packages.models import CustomAmount, Package
from tests.support.builders import CATALOGS, PackageFactory, put_on_sale

pytestmark = pytest.mark.django_db


def run(file: Path | str, **options: Any) -> str:
    out = StringIO()
    call_command("load_catalog", str(file), stdout=out, **options)
    return out.getvalue()


def rows() -> list[dict[str, Any]]:
    return [dict(row) for row in Package.objects.order_by("code").values()]


def test_loading_puts_every_pack_on_sale_and_says_so() -> None:
    said = run(CATALOGS / "standard.toml")

    assert [line.split()[:2] for line in said.splitlines()[:4]] == [
        ["created", "starter"],
        ["created", "standard"],
        ["created", "pro"],
        ["created", "enterprise"],
    ]
    assert "10,000 credits  $80.00" in said
    assert list(Package.objects.filter(is_active=True).values_list("code", "price_minor", "credits")) == [
        ("starter", 1000, Decimal(1000)),
        ("standard", 4500, Decimal(5000)),
        ("pro", 8000, Decimal(10000)),
        ("enterprise", 35000, Decimal(50000)),
    ]


def test_loading_the_same_file_twice_changes_nothing() -> None:
    put_on_sale()
    before = rows()
    said = run(CATALOGS / "standard.toml")

    assert rows() == before
    assert [line.split()[0] for line in said.splitlines()[:4]] == ["unchanged"] * 4


def test_loading_another_file_updates_retires_and_never_deletes() -> None:
    put_on_sale("standard")
    Package.objects.filter(code="pro").update(stripe_product_id="prod_1", stripe_price_id="price_1")
    ids = dict(Package.objects.values_list("code", "pk"))
    said = run(CATALOGS / "growth.toml")

    outcomes = {line.split()[1]: line.split()[0] for line in said.splitlines()[:-1]}
    assert outcomes == {
        "starter": "updated",
        "basic": "created",
        "pro": "updated",
        "premium": "created",
        "enterprise": "updated",
        "standard": "retired",
        "custom": "retired",
    }
    pro = Package.objects.get(code="pro")
    assert (pro.pk, pro.price_minor, pro.stripe_product_id, pro.stripe_price_id) == (
        ids["pro"], 8500, "prod_1", "price_1",
    )  # fmt: skip
    assert Package.objects.get(pk=ids["standard"]).is_active is False


def test_a_pack_that_comes_back_is_on_sale_again() -> None:
    put_on_sale("standard")
    put_on_sale("growth")
    put_on_sale("standard")

    assert sorted(Package.objects.filter(is_active=True).values_list("code", flat=True)) == [
        "enterprise", "pro", "standard", "starter",
    ]  # fmt: skip
    assert Package.objects.count() == 6


def test_others_stay_on_sale_when_asked() -> None:
    PackageFactory(code="special")
    run(CATALOGS / "standard.toml", keep_others=True)

    assert Package.objects.get(code="special").is_active is True


def test_where_there_are_packages_nothing_is_loaded_when_asked() -> None:
    PackageFactory(code="special")

    assert run(CATALOGS / "standard.toml", if_empty=True).startswith("Packages already exist")
    assert [row["code"] for row in rows()] == ["special"]


def test_an_empty_shop_is_filled_when_asked() -> None:
    run(CATALOGS / "standard.toml", if_empty=True)

    assert Package.objects.count() == 4


def test_a_mistake_in_one_pack_loads_none(tmp_path: Path) -> None:
    put_on_sale()
    before = rows()
    broken = tmp_path / "broken.toml"
    text = (CATALOGS / "growth.toml").read_text().replace('price = "750.00"', 'price = "-750.00"')
    broken.write_text(text)

    line = text.splitlines().index('price = "-750.00"') + 1
    with pytest.raises(CommandError) as refused:
        run(broken)
    assert str(refused.value) == f"{broken}, line {line}: price: -750.00 is negative"
    assert rows() == before


IMPOSSIBLE: list[tuple[str, dict[str, Any]]] = [
    ("package_credits_positive", {"credits": 0}),
    ("package_price_not_negative", {"price_minor": -1}),
    ("package_validity_is_bounded", {"validity_days": 0}),
    ("package_validity_is_bounded", {"validity_days": 36501}),
    ("package_currency_is_a_code", {"currency": "US$"}),
    ("package_price_on_sale_can_be_paid", {"currency": "kwd", "price_minor": 12345}),
    ("package_price_on_sale_can_be_paid", {"currency": "ugx", "price_minor": 1550}),
    ("package_one_per_stripe_product", {"stripe_product_id": "prod_taken"}),
    ("package_code_is_not_reserved", {"code": "custom"}),
]


@pytest.mark.parametrize(("constraint", "values"), IMPOSSIBLE)
def test_the_database_refuses_an_impossible_pack_by_itself(constraint: str, values: dict[str, Any]) -> None:
    PackageFactory(stripe_product_id="prod_taken")
    package = PackageFactory()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Package.objects.filter(pk=package.pk).update(**values)


def test_two_packs_never_share_a_code() -> None:
    PackageFactory(code="taken")

    with pytest.raises(IntegrityError), transaction.atomic():
        PackageFactory(code="taken")


# --- Custom amounts ---------------------------------------------------------------------------------------------------

AMOUNTS = """
[[custom_amount]]
minimum = "5.00"
maximum = "50.00"
increment = "0.50"
credits_per_unit = 90
validity_days = 365
"""


def test_custom_amounts_are_loaded_changed_and_taken_off_sale_with_the_packages(tmp_path: Path) -> None:
    assert "created   custom        $5.00 to $500.00, in steps of $0.01" in run(CATALOGS / "standard.toml")
    assert "unchanged custom " in run(CATALOGS / "standard.toml")
    before = CustomAmount.objects.get()

    file = tmp_path / "catalog.toml"
    file.write_text((CATALOGS / "growth.toml").read_text() + AMOUNTS)
    assert "updated   custom        $5.00 to $50.00" in run(file, dry_run=True)
    assert CustomAmount.objects.get().maximum_minor == 50000
    said = run(file)
    after = CustomAmount.objects.get()
    assert ("6 packages. Next" in said, after.pk, after.is_active) == (True, before.pk, True)
    assert (after.minimum_minor, after.maximum_minor, after.increment_minor) == (500, 5000, 50)
    assert (after.credits_per_unit, after.validity_days) == (Decimal(90), 365)

    run(CATALOGS / "growth.toml", keep_others=True)
    assert CustomAmount.objects.get().is_active is True
    run(CATALOGS / "growth.toml")
    assert CustomAmount.objects.get().is_active is False
    run(file)
    assert CustomAmount.objects.get().is_active is True


IMPOSSIBLE_AMOUNTS: list[tuple[str, dict[str, Any]]] = [
    ("customamount_currency_is_a_code", {"currency": "US$"}),
    ("customamount_minimum_is_not_above_maximum", {"minimum_minor": 60000}),
    ("customamount_minimum_is_not_above_maximum", {"minimum_minor": -500, "credits_per_unit": -1}),
    ("customamount_increment_positive", {"increment_minor": 0}),
    ("customamount_increment_positive", {"increment_minor": -1}),
    ("customamount_limits_are_on_the_increment", {"increment_minor": 1000}),
    ("customamount_limits_are_on_the_increment", {"maximum_minor": 49_999, "increment_minor": 500}),
    ("customamount_on_sale_can_be_paid", {"currency": "kwd", "minimum_minor": 5000}),
    ("customamount_on_sale_can_be_paid", {"currency": "isk"}),
    ("customamount_minimum_buys_a_credit", {"credits_per_unit": Decimal("0.199999")}),
    ("customamount_minimum_buys_a_credit", {"currency": "kwd", "credits_per_unit": Decimal("1.9")}),
    ("customamount_minimum_buys_a_credit", {"currency": "jpy", "credits_per_unit": Decimal("0.0019")}),
    ("customamount_validity_is_bounded", {"validity_days": 0}),
]


@pytest.mark.parametrize(("constraint", "values"), IMPOSSIBLE_AMOUNTS)
def test_the_database_refuses_impossible_custom_amounts_by_itself(
    constraint: str, values: dict[str, Any]
) -> None:
    put_on_sale()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CustomAmount.objects.update(**values)
    CustomAmount.objects.update(credits_per_unit=Decimal("0.2"))


def test_a_currency_has_one_entry_for_custom_amounts() -> None:
    put_on_sale()
    entry = CustomAmount.objects.get()
    entry.pk = None

    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save(force_insert=True)
