"""Staff make codes and sales in the admin and by command."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing.discounts.models import DiscountCode, Sale
from tests.discounts.making import buy, make_amount, make_code, make_sale
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
ADD = reverse("admin:discounts_discountcode_add")
NO_AMOUNTS = {"amounts-TOTAL_FORMS": "0", "amounts-INITIAL_FORMS": "0"}
ONE_AMOUNT = {
    "amounts-TOTAL_FORMS": "1", "amounts-INITIAL_FORMS": "0", "amounts-0-currency": "usd",
    "amounts-0-amount": "5.00", "amounts-0-minimum": "20",
}  # fmt: skip


@pytest.fixture
def boss(admin_user: User) -> Client:
    put_on_sale()
    return sign_in(admin_user)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"percent": "20", **NO_AMOUNTS}, ""),
        (ONE_AMOUNT, ""),
        (NO_AMOUNTS, "Enter a percentage, or an amount in a currency."),
        ({"percent": "20", **ONE_AMOUNT}, "not both"),
        ({"percent": "101", **NO_AMOUNTS}, "less than or equal to 100"),
        ({**ONE_AMOUNT, "amounts-0-currency": "xyz"}, "Stripe accepts"),
        ({**ONE_AMOUNT, "amounts-0-amount": "5.001"}, "decimal places"),
    ],
)
def test_a_code_is_made_in_the_admin(boss: Client, form: dict[str, str], said: str) -> None:
    answer: Any = boss.post(ADD, {"code": "spring-20", "is_active": "on", **form})
    assert (answer.status_code == 302) == (not said), answer.content.decode()[:3000]
    if said:
        assert said in answer.content.decode()
    made = DiscountCode.objects.filter(code="SPRING-20").first()
    assert (made is not None) == (not said)
    if made is not None and not made.percent:
        assert made.amounts.values_list("currency", "amount_minor", "minimum_minor").get() == (
            "usd",
            500,
            2000,
        )


def test_the_lists_say_what_a_code_does(boss: Client) -> None:
    make_amount(make_code("FIVE-OFF", percent=None, max_uses=3), 500)
    listed = boss.get(reverse("admin:discounts_discountcode_changelist")).content.decode()
    assert ("$5.00" in listed, "0 / 3" in listed, "Accepted" in listed) == (True, True, True)
    page = boss.get(reverse("admin:discounts_discountcode_change", args=[DiscountCode.objects.get().pk]))
    assert (page.status_code, b"FIVE-OFF" in page.content) == (200, True)
    assert boss.get(reverse("admin:discounts_sale_changelist")).status_code == 200


def test_a_purchases_page_says_what_lowered_its_price(boss: Client, sandbox: Sandbox) -> None:
    make_code(stackable=True)
    make_sale(10)
    purchase = buy(UserFactory()).purchase
    page = boss.get(reverse("admin:purchases_purchase_change", args=[purchase.pk])).content.decode()
    assert ("Spring sale: −$1.00" in page, "SPRING-20: −$1.80" in page) == (True, True)
    uses = boss.get(reverse("admin:purchases_purchase_changelist"), {"discount_code": "SPRING-20"})
    assert str(purchase.pk) in uses.content.decode()


def test_codes_and_sales_are_made_by_command(db: None) -> None:
    put_on_sale()
    run("add_discount", "spring-20", "--percent", "20", "--max-uses", "5", "--ends", "2099-01-01")
    run("add_discount", "FIVE", "--amount", "5.00", "--currency", "USD", "--packages", "pro", "standard")
    first, second = DiscountCode.objects.order_by("pk")
    assert (first.code, first.percent, first.max_uses) == ("SPRING-20", Decimal(20), 5)
    assert (second.amounts.get().amount_minor, second.packages.count()) == (500, 2)
    run("add_sale", "Spring", "--percent", "15", "--starts", "2027-03-01", "--ends", "2027-03-08T12:00")
    assert Sale.objects.get().ends_at.hour == 12


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add_discount", "A", "--percent", "20"], "3 to 40"),
        (["add_discount", "SPRING", "--percent", "0"], "greater than or equal"),
        (["add_discount", "SPRING", "--amount", "5"], "--currency"),
        (["add_discount", "SPRING", "--amount", "5.001", "--currency", "usd"], "decimal"),
        (["add_discount", "SPRING", "--amount", "5", "--currency", "xyz"], "currency"),
        (["add_discount", "SPRING"], "required"),
        (["add_discount", "SPRING", "--percent", "20", "--packages", "nope"], "nope"),
        (["add_discount", "SPRING", "--percent", "20", "--starts", "soon"], "no time"),
        (["add_sale", "S", "--percent", "20", "--starts", "2027-03-02", "--ends", "2027-03-01"], "after"),
        (["add_sale", "S", "--percent", "100", "--starts", "2027-03-01", "--ends", "2027-03-02"], "99.99"),
    ],
)
def test_a_mistake_makes_nothing_and_says_what_is_wrong(db: None, arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*arguments)
    assert not DiscountCode.objects.exists()
    assert not Sale.objects.exists()
