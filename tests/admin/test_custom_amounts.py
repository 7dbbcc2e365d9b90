"""Custom amounts are edited in the main unit by whoever may edit packages; the page says which packages count."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import User
from billing.packages.models import CustomAmount, Package
from tests.admin.pages import add_to, list_of, page_of, read
from tests.support.builders import PackageFactory, put_on_sale

pytestmark = pytest.mark.django_db

ENTRY = {
    "currency": "usd",
    "minimum": "5.00",
    "maximum": "500",
    "increment": "0.50",
    "credits_per_unit": "100",
    "validity_days": "",
    "is_active": "on",
}


def add(client: Client, **changes: Any) -> Any:
    return client.post(add_to(CustomAmount), {**ENTRY, **changes})


def test_an_entry_is_added_and_changed_in_the_main_unit_and_audited(as_superuser: Client) -> None:
    assert add(as_superuser).status_code == 302
    entry = CustomAmount.objects.get()
    assert (entry.minimum_minor, entry.maximum_minor, entry.increment_minor) == (500, 50000, 50)

    page = read(as_superuser, page_of(entry))
    assert all(f'value="{value}"' in page for value in ("5.00", "500.00", "0.50", "100"))
    changed = as_superuser.post(page_of(entry), {**ENTRY, "maximum": "250", "validity_days": "365"})
    assert changed.status_code == 302
    entry.refresh_from_db()
    assert (entry.currency, entry.maximum_minor, entry.validity_days) == ("usd", 25000, 365)
    audited = AuditEntry.objects.filter(kind="packages.customamount").latest("pk")
    before, after = audited.before or {}, audited.after or {}
    assert (before["maximum_minor"], after["maximum_minor"]) == (50000, 25000)
    assert "$5.00" in read(as_superuser, list_of(CustomAmount))
    assert as_superuser.get(page_of(entry, "delete")).status_code == 403


@pytest.mark.parametrize(
    ("currency", "values", "minor"),
    [
        ("jpy", {"minimum": "500", "maximum": "50000", "increment": "100"}, (500, 50000, 100)),
        ("kwd", {"minimum": "1.5", "maximum": "150", "increment": "0.01"}, (1500, 150000, 10)),
    ],
)
def test_another_currencys_entry_is_in_its_own_unit(
    as_superuser: Client, currency: str, values: dict[str, str], minor: tuple[int, ...]
) -> None:
    assert add(as_superuser, currency=currency, **values).status_code == 302

    entry = CustomAmount.objects.get()
    assert (entry.minimum_minor, entry.maximum_minor, entry.increment_minor) == minor


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"minimum": "5.005"}, "minimum", "USD amounts have at most 2 decimal places."),
        ({"minimum": "0.10", "increment": "0.10"}, "minimum", "Stripe’s minimum is $0.50."),
        ({"minimum": "0"}, "minimum", "Enter an amount above zero."),
        ({"minimum": "-5"}, "minimum", "Enter an amount above zero."),
        ({"minimum": ""}, "minimum", "This field is required."),
        ({"minimum": "5.25"}, "minimum", "Enter a multiple of the increment, $0.50."),
        ({"maximum": "4"}, "maximum", "Enter at least the minimum."),
        ({"maximum": "1000000"}, "maximum", "Stripe’s maximum is $999,999.99."),
        ({"increment": "0"}, "increment", "Enter an amount above zero."),
        ({"increment": "3"}, "minimum", "Enter a multiple of the increment, $3.00."),
        ({"credits_per_unit": "0.1"}, "credits_per_unit", "The minimum must buy at least one credit."),
        ({"validity_days": "0"}, "validity_days", "Ensure this value is greater than or equal to 1."),
        (
            {"currency": "USD"},
            "currency",
            "Enter a currency that Stripe accepts, in lower case, such as usd.",
        ),
    ],
)
def test_a_mistake_is_named_at_its_field(
    as_superuser: Client, changes: dict[str, str], field: str, reason: str
) -> None:
    answer = add(as_superuser, **changes)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors[field] == [reason]
    assert not CustomAmount.objects.exists()


def test_a_currency_has_one_entry(as_superuser: Client) -> None:
    add(as_superuser)

    assert "already exists" in add(as_superuser).content.decode()
    assert CustomAmount.objects.count() == 1


def test_a_package_cant_have_the_code_of_custom_amounts(as_superuser: Client) -> None:
    fields = {
        "code": "custom",
        "name": "X",
        "credits": "1",
        "price": "1",
        "currency": "usd",
        "display_order": "1",
    }
    answer = as_superuser.post(add_to(Package), fields)

    assert answer.context["adminform"].form.errors["code"] == ["“custom” is the code of custom amounts."]


def test_the_page_says_which_packages_count(as_superuser: Client) -> None:
    put_on_sale()
    PackageFactory(name="Sale", price_minor=700, validity_days=30)
    PackageFactory(name="Freebie", price_minor=0)
    page = read(as_superuser, page_of(CustomAmount.objects.get()))

    counted, left_out = page.split("Count towards the rate")[1].split("Don’t count, as their credits")
    assert "Starter Pack ($10.00), Standard Pack ($45.00), Pro Pack" in counted
    assert ("Sale ($7.00)" in left_out, "Sale" in counted, "Freebie" in page) == (True, False, False)


def test_who_may_edit_packages_may_edit_them_and_others_only_look(client: Client) -> None:
    put_on_sale()
    entry = CustomAmount.objects.get()
    keeper, helper = (User.objects.create(username=name, is_staff=True) for name in ("keeper", "helper"))
    keeper.groups.add(Group.objects.get(name="catalogue"))
    helper.groups.add(Group.objects.get(name="support"))

    client.force_login(helper)
    assert client.get(page_of(entry)).status_code == 200
    refused = [client.post(page_of(entry), ENTRY), client.get(add_to(CustomAmount))]
    assert [answer.status_code for answer in refused] == [403, 403]
    client.force_login(keeper)
    assert client.post(page_of(entry), ENTRY).status_code == 302
    assert client.get(add_to(CustomAmount)).status_code == 200
