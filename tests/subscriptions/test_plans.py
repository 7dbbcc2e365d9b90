"""Plans are loaded from the catalogue file, synced to Stripe as recurring prices, and edited in the admin."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.audit.models import AuditEntry
from billing.errors import CatalogError
from billing.packages.catalog_file import read_catalog
from billing.packages.catalog_sync import check_catalog
from billing.packages.models import Package
from billing.plans.models import Plan, add_months, expiry_of
from tests.support.builders import CATALOGS, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

# The table is on line 7 and its code on line 8.
GOOD = """\
currency = "usd"
[[package]]
code = "starter"
name = "Starter"
credits = 1000
price = "10.00"
[[plan]]
code = "plus"
name = "Plus"
credits = 5000
price = "40.00"
rollover = "capped"
rollover_months = 1
"""


def sync() -> str:
    out = StringIO()
    call_command("sync_catalog", stdout=out)
    return out.getvalue()


def test_loading_puts_plans_on_sale_and_retires_them() -> None:
    put_on_sale("demo")
    found = Plan.objects.values_list(
        "code", "credits", "price_minor", "interval", "rollover", "rollover_months"
    )
    assert list(found) == [
        ("plus", Decimal(5000), 4000, "month", "capped", 1),
        ("max", Decimal(20000), 14000, "month", "none", None),
    ]
    out = StringIO()
    call_command("load_catalog", str(CATALOGS / "demo.toml"), stdout=out)
    assert out.getvalue().count("unchanged ") == 7
    put_on_sale("standard")
    assert not Plan.objects.filter(is_active=True).exists()
    assert Package.objects.filter(is_active=True).count() == 4


MISTAKES = {
    "an unknown key": ("rollover =", "rolover =", 12, "rolover: unknown key"),
    "a missing key": ('price = "40.00"\n', "", 7, "'price' is missing"),
    "no price": ('"40.00"', "0", 11, "price:"),
    "a capped rollover without months": ("rollover_months = 1\n", "", 7, "rollover_months:"),
    "months without a capped rollover": ('"capped"', '"all"', 13, "rollover_months:"),
    "an unknown interval": ("rollover =", 'interval = "week"\nrollover =', 12, "interval:"),
    "an unknown rollover": ('"capped"', '"some"', 12, "rollover:"),
    "a code that is none": ('"plus"', '"Plus 1"', 8, "code:"),
    "an unknown currency": ('name = "Plus"', 'name = "Plus"\ncurrency = "xyz"', 10, "currency:"),
    "a code twice": (
        "[[plan]]",
        '[[plan]]\ncode = "plus"\nname = "P"\ncredits = 1\nprice = 1\n[[plan]]',
        13,
        "code 'plus'",
    ),
}


@pytest.mark.parametrize(("old", "new", "line", "reason"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, reason: str) -> None:
    file = tmp_path / "catalog.toml"
    file.write_text(GOOD)
    (plan,) = read_catalog(file).plans
    assert (plan.code, plan.price_minor, plan.is_active) == ("plus", 4000, True)
    file.write_text(
        GOOD.rpartition("[[plan]]")[0] + ("[[plan]]" + GOOD.rpartition("[[plan]]")[2]).replace(old, new)
    )
    with pytest.raises(CatalogError) as refused:
        read_catalog(file)
    assert f"line {line}: {reason}" in str(refused.value)


def test_a_sync_makes_a_recurring_price_and_replaces_it(sandbox: Sandbox) -> None:
    put_on_sale("demo")
    said = sync()
    assert "Created price" in said
    plan = Plan.objects.get(code="plus")
    (price,) = [each for each in sandbox.objects("price") if each["id"] == plan.current_price_id]
    assert (price["recurring"]["interval"], price["unit_amount"], price["lookup_key"]) == (
        "month",
        4000,
        "plan_plus",
    )
    (product,) = [each for each in sandbox.objects("product") if each["id"] == plan.stripe_product_id]
    assert product["metadata"] == {"plan_code": "plus"}
    assert [drift for _, drift in check_catalog() if drift] == []
    assert "Plus is already in sync." in sync()

    Plan.objects.filter(pk=plan.pk).update(price_minor=4500)
    assert Plan.objects.get(pk=plan.pk).current_price_id == ""
    assert "Archived old price" in sync()
    plan.refresh_from_db()
    assert plan.current_price_id not in ("", price["id"])
    assert len(sandbox.objects("product")) == 6


def test_a_price_of_the_other_kind_is_not_taken_for_its_own(sandbox: Sandbox) -> None:
    """A package and a plan may cost the same, and a recurring price on a package's product isn't the package's."""
    put_on_sale("demo")
    Plan.objects.filter(code="plus").update(code="starter", name="Starter Plan", price_minor=1000)
    sync()
    plan, package = Plan.objects.get(code="starter"), Package.objects.get(code="starter")
    assert plan.stripe_product_id != package.stripe_product_id
    assert plan.current_price_id != package.current_price_id
    assert [drift for _, drift in check_catalog() if drift] == []


def test_the_database_holds_the_rules_too() -> None:
    put_on_sale("demo")
    for broken in ({"rollover_months": None}, {"price_minor": 0}, {"credits": 0}, {"currency": "USD"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Plan.objects.filter(code="plus").update(**broken)


def test_staff_edit_a_plan_in_the_main_unit(admin_client: Client, sandbox: Sandbox) -> None:
    put_on_sale("demo")
    plan = Plan.objects.get(code="plus")
    page = f"/admin/plans/plan/{plan.pk}/change/"
    assert b"40.00" in admin_client.get(page).content
    form: dict[str, Any] = {
        "name": "Plus", "credits": "6000", "price": "45.00", "currency": "usd", "interval": "month",
        "rollover": "none", "trial_days": "0", "is_active": "on", "display_order": "1",
    }  # fmt: skip
    answer = admin_client.post(page, form)
    assert answer.status_code == 302, answer.content
    plan.refresh_from_db()
    assert (plan.price_minor, plan.credits, plan.rollover_months) == (4500, Decimal(6000), None)
    audited = AuditEntry.objects.filter(kind="plans.plan").latest("pk")
    before, after = audited.before or {}, audited.after or {}
    assert (before["price_minor"], after["price_minor"]) == (4000, 4500)
    assert admin_client.post(page, {**form, "price": "0"}).status_code == 200
    assert admin_client.get("/admin/plans/plan/").status_code == 200


def test_an_unused_credit_expires_with_its_period_and_rollover() -> None:
    end = datetime(2027, 1, 31, 9, tzinfo=UTC)
    assert expiry_of(end, "none", None) == end
    assert expiry_of(end, "capped", 1) == datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert expiry_of(end, "all", None) is None
    assert add_months(end, 13) == datetime(2028, 2, 29, 9, tzinfo=UTC)
