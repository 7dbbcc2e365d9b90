"""The shop's card for an amount: it says what the amount buys or what is wrong with it, and sells just that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.discounts.models import CodeAmount, DiscountCode
from billing.packages.models import CustomAmount, Package
from billing.purchases.models import Purchase
from tests.billing.calling import browser_of
from tests.discounts.making import make_code
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.teams.forms import Forms, form_on

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    put_on_sale()
    buyer: User = UserFactory()
    return browser_of(buyer)


def ask(client: Client, **query: str) -> str:
    """The shop with the answer, as a browser without JavaScript gets it."""
    answer = client.get("/credits/amount", {"currency": "usd", **query})
    assert answer.status_code == 200
    return answer.content.decode()


def order_on(page: str) -> dict[str, str]:
    """The form of the card. Those of the packages, which post to the same address, come before it."""
    return Forms(page[page.index("Choose an amount") :]).found["/credits/buy"]


def test_the_card_says_what_an_amount_buys_and_sells_just_that(client: Client, sandbox: Sandbox) -> None:
    shop = client.get("/credits/").content.decode()
    assert "From $5.00 to $500.00." in shop
    assert "Buy for" not in shop
    form = form_on(client, "/credits/", "/credits/amount#amount-usd")
    assert form == {"currency": "usd", "next": "", "amount": ""}

    page = ask(client, amount="79.99")
    assert ("8,887.78" in page, "Buy for $79.99" in page, "$9.00 per 1,000 credits" in page) == (
        True,
        True,
        True,
    )
    assert "<s>" not in page
    order = order_on(page)
    assert (order["amount"], order["currency"], order["credits"]) == ("79.99", "usd", "8887.78")
    bought = client.post("/credits/buy", order)
    assert bought.status_code == 303
    purchase = Purchase.objects.get()
    assert (purchase.price_minor, purchase.credits) == (7999, Decimal("8887.78"))
    assert bought["Location"] == purchase.checkout_url

    assert client.post("/credits/buy", order)["Location"] == purchase.checkout_url, (
        "pressed twice, bought once"
    )
    other = {**order, "amount": "20", "credits": "2000"}
    assert client.post("/credits/buy", other)["Location"] != purchase.checkout_url
    assert Purchase.objects.count() == 2


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        ("4.99", "The minimum is $5.00."),
        ("-1", "The minimum is $5.00."),
        ("500.01", "The maximum is $500.00."),
        ("5.001", "Enter a multiple of $0.01."),
        ("", "Enter an amount such as 5.00."),
        ("ten", "Enter an amount such as 5.00."),
        ("1e2", "Enter an amount such as 5.00."),
        ('"><b>', "Enter an amount such as 5.00."),
    ],
)
def test_a_wrong_amount_is_explained_beside_the_field(client: Client, amount: str, message: str) -> None:
    page = ask(client, amount=amount)

    assert message in page
    assert ('aria-invalid="true"' in page, "Buy for" in page, '"><b>' in page) == (True, False, False)


def test_the_card_is_only_there_where_amounts_are_on_sale(client: Client) -> None:
    Package.objects.update(is_active=False)
    page = client.get("/credits/").content.decode()
    assert ("Choose an amount" in page, "No packages available" in page) == (True, False)
    CustomAmount.objects.update(is_active=False)

    for page in (client.get("/credits/").content.decode(), ask(client, amount="10")):
        assert ("Choose an amount" in page, "htmx" in page, "No packages available" in page) == (
            False,
            False,
            True,
        )


def test_each_currency_has_a_card_and_only_the_asked_one_answers(client: Client) -> None:
    CustomAmount.objects.create(
        currency="jpy", minimum_minor=500, maximum_minor=5000, increment_minor=100, credits_per_unit=1
    )
    page = ask(client, currency="jpy", amount="700")

    assert page.count("Choose an amount") == 2
    assert ("Buy for ¥700" in page, page.count("Buy for"), "From ¥500 to ¥5,000." in page) == (True, 1, True)


CHANGES: list[tuple[dict[str, Any], int, str]] = [
    ({"maximum_minor": 1000}, 302, "The maximum is $10.00."),
    ({"is_active": False}, 302, "You can’t choose the amount in this currency."),
]


@pytest.mark.parametrize(("change", "status", "message"), CHANGES)
def test_what_was_taken_off_sale_meanwhile_is_not_bought(
    client: Client, change: dict[str, Any], status: int, message: str
) -> None:
    order = order_on(ask(client, amount="20"))
    CustomAmount.objects.update(**change)
    answer = client.post("/credits/buy", order, follow=True)

    assert answer.redirect_chain == [("/credits/", status)]
    assert message in answer.content.decode()
    assert not Purchase.objects.exists()


def test_other_credits_than_were_shown_are_shown_first(client: Client) -> None:
    order = order_on(ask(client, amount="20"))
    Package.objects.filter(code="starter").update(credits=500)
    CustomAmount.objects.update(credits_per_unit=50)
    answer = client.post("/credits/buy", order)

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "This offer has changed: $20.00 now buys 1,000 credits. Nothing was charged." in page
    assert not Purchase.objects.exists()
    assert client.post("/credits/buy", order_on(page)).status_code == 303
    assert Purchase.objects.get().credits == 1000


def test_the_card_takes_a_discount_code_that_is_for_amounts(client: Client) -> None:
    Package.objects.filter(code="starter").update(bonus_credits=100, bonus_validity_days=30)
    code = make_code()
    shop = client.get("/credits/", {"code": "spring-20"}).content.decode()
    assert Forms(shop).found["/credits/amount#amount-usd"]["code"] == "SPRING-20"

    page = ask(client, amount="20", code="SPRING-20")
    for fact in (
        "Buy for $16.00",
        "</span> $20.00</s>",
        "$8.00 per 1,000",
        "+ 200 bonus credits, valid for 30 days",
    ):
        assert fact in page, fact
    order = order_on(page)
    CodeAmount.objects.create(discount_code=code, currency="usd", minimum_minor=2500)
    refused = client.post("/credits/buy", order, follow=True).content.decode()
    assert "takes a price of at least $25.00" in refused
    page = ask(client, amount="20", code="SPRING-20")
    assert ("Buy for $20.00" in page, "takes a price of at least $25.00" in page) == (True, True)
    CodeAmount.objects.all().delete()
    assert client.post("/credits/buy", order).status_code == 303
    purchase = Purchase.objects.get()
    assert (purchase.price_minor, int(purchase.credits), int(purchase.bonus_credits)) == (1600, 2000, 200)
    code.packages.add(Package.objects.get(code="starter"))
    page = ask(client, amount="30", code="SPRING-20")
    assert ("Buy for $30.00" in page, "With the code" in page) == (True, False)
    DiscountCode.objects.create(code="NOTHING-LEFT", percent=100)
    order = order_on(ask(client, amount="20", code="NOTHING-LEFT"))
    assert client.post("/credits/buy", order).status_code == 303
    assert Purchase.objects.latest("created_at").status == "completed"


def test_the_way_back_is_kept_while_choosing(client: Client, sandbox: Sandbox) -> None:
    back = "/credits/history/?status=failed"
    form = Forms(client.get("/credits/", {"next": back}).content.decode()).found["/credits/amount#amount-usd"]
    assert form["next"] == back
    order = order_on(ask(client, amount="20", next=back))
    client.post("/credits/buy", order)
    assert (
        "next=%2Fcredits%2Fhistory%2F%3Fstatus%3Dfailed"
        in sandbox.objects("checkout.session")[0]["cancel_url"]
    )
    assert order_on(ask(client, amount="20"))["next"] == "", "the answer is no page to come back to"


def test_a_form_that_no_page_made_is_refused(client: Client) -> None:
    order = order_on(ask(client, amount="20"))

    assert client.post("/credits/buy", {**order, "amount": "ten"}).status_code == 400
    assert not Purchase.objects.exists()
