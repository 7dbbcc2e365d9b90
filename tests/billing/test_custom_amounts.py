"""A custom amount is a purchase like any other: quoted, bought, credited, refunded and counted."""

from __future__ import annotations

import gettext
import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils.translation import trans_real

from accounts.models import User
from accounts.teams.membership import create_team
from billing.checkout.orders import PurchaseOrder
from billing.mail.confirmation import send_purchase_confirmation
from billing.packages.models import CustomAmount, Package
from billing.purchases.models import Purchase
from billing.receipts.issuing import issue_receipt
from billing.receipts.pdf import render_receipt
from billing.reporting.daily_figures import bring_figures_up_to_date
from billing.reporting.selectors import sales_by_package
from credits.ledger.models import Entry, Lot
from tests.billing.calling import API, assert_problem, browser_of, csv_of, post_json
from tests.receipts.papers import text_of
from tests.returns.asking import refund
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

ORDER = {"amount": "37.50", "currency": "usd"}


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def buy(user: User, body: Any = ORDER, **headers: str) -> Any:
    return post_json(browser_of(user), "purchase", body, **headers)


def quote(user: User, **query: str) -> Any:
    return browser_of(user).get(f"{API}quote", query)


def bought(user: User, sandbox: Sandbox, body: Any = ORDER) -> Purchase:
    """A purchase of an amount that is paid and credited."""
    session = buy(user, body).json()["session_id"]
    sandbox.pay(session)
    sandbox.wait_for_webhooks()
    return Purchase.objects.get(stripe_session_id=session)


def test_a_quote_says_what_an_amount_buys_and_which_are_sold(user: User) -> None:
    limits = {"currency": "usd", "validity_days": None, "minimum": 5.0, "maximum": 500.0, "increment": 0.01}

    found = quote(user, amount="79.99", currency="usd").json()
    assert found == {
        "credits": 8887.78,
        "bonus_credits": 0,
        "price": 79.99,
        "discount_percentage": 10.0,
        **limits,
    }
    nothing = {"credits": None, "bonus_credits": None, "price": None, "discount_percentage": None}
    assert quote(user, currency="USD").json() == {**nothing, **limits}
    assert Purchase.objects.count() == 0


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"amount": "4.99"}, 400, "amount_below_minimum"),
    ({"amount": -10}, 400, "amount_below_minimum"),
    ({"amount": 0}, 400, "amount_below_minimum"),
    ({"amount": 500.01}, 400, "amount_above_maximum"),
    ({"amount": "12.345"}, 400, "amount_not_on_increment"),
    ({"currency": "eur"}, 404, "custom_amounts_not_sold"),
    ({"currency": "zzz"}, 404, "custom_amounts_not_sold"),
]


@pytest.mark.parametrize(("change", "status", "code"), REFUSED)
def test_what_is_not_sold_is_neither_quoted_nor_bought(
    user: User, sandbox: Sandbox, change: dict[str, Any], status: int, code: str
) -> None:
    wish = {**ORDER, **change}
    problem = assert_problem(buy(user, wish), status, code)
    quoted = assert_problem(quote(user, **{name: str(value) for name, value in wish.items()}), status, code)
    assert problem == quoted
    if code.startswith("amount"):
        assert (problem["minimum"], problem["maximum"], problem["increment"]) == (5.0, 500.0, 0.01)
        assert problem["currency"] == "usd"
    assert (Purchase.objects.count(), sandbox.objects("checkout.session")) == (0, [])


def test_what_is_taken_off_sale_cant_be_bought(user: User) -> None:
    CustomAmount.objects.update(is_active=False)

    assert_problem(buy(user), 404, "custom_amounts_not_sold")
    assert_problem(quote(user, currency="usd"), 404, "custom_amounts_not_sold")


@pytest.mark.parametrize(
    ("body", "attr", "code"),
    [
        ({}, "package_code", "required"),
        ({"amount": "37.50"}, "currency", "required"),
        ({**ORDER, "package_code": "pro"}, "amount", "invalid"),
        ({**ORDER, "amount": "many"}, "amount", "invalid"),
        ({**ORDER, "amount": None}, "amount", "null"),
        ({**ORDER, "amount": "37.5001"}, "amount", "max_decimal_places"),
    ],
)
def test_an_order_is_for_a_package_or_an_amount(user: User, body: Any, attr: str, code: str) -> None:
    problem = assert_problem(buy(user, body), 400, "invalid_request")

    assert [(error["attr"], error["code"]) for error in problem["errors"]] == [(attr, code)]
    with pytest.raises(ValueError, match="not for both"):
        PurchaseOrder("pro", amount=Decimal(5), currency="usd")


def test_an_amount_is_sold_paid_refunded_and_counted_as_a_package_is(
    user: User, sandbox: Sandbox, as_superuser: Client
) -> None:
    CustomAmount.objects.update(validity_days=90)
    Package.objects.update(validity_days=90)
    purchase = bought(user, sandbox, {"amount": 79.99, "currency": "USD"})

    snapshot = (purchase.package, purchase.package_code, purchase.package_name, purchase.validity_days)
    assert snapshot == (None, "custom", "Custom amount", 90)
    assert (purchase.price_minor, purchase.list_price_minor, purchase.currency) == (7999, 8888, "usd")
    assert (purchase.credits, purchase.discount_percentage) == (Decimal("8887.78"), Decimal("10.00"))
    (session,) = sandbox.objects("checkout.session")
    assert (session["amount_total"], session["metadata"]["package_code"]) == (7999, "custom")
    assert purchase.status == "completed"
    assert (Entry.objects.get().amount, Lot.objects.get().cost_minor) == (Decimal("8887.78"), 7999)
    assert Lot.objects.get().expires_at is not None

    history = browser_of(user).get(f"{API}history").json()[0]
    assert (history["package_code"], history["package_name"]) == ("custom", "Custom amount")
    assert (history["amount_credits"], history["amount_paid"], history["discount_applied"]) == (
        8887.78,
        79.99,
        8.89,
    )
    page = browser_of(user).get("/credits/history/").content.decode()
    assert "Custom amount" in page
    receipt = text_of(render_receipt(issue_receipt(purchase.pk)))
    assert "Custom amount" in receipt
    assert "Discount" not in receipt, "nobody asked more for it"
    mail.outbox.clear()
    send_purchase_confirmation(purchase.pk)
    assert "8,887.78" in mail.outbox[0].body

    refund(purchase, 799)
    (line,) = csv_of(as_superuser, "/admin/purchases/purchase/download/")
    assert (line["package"], line["price"], line["refunded"]) == ("custom", "79.99", "7.99")
    assert line["credits_taken_back"] == "887.778", "in proportion to the money"
    bring_figures_up_to_date()
    day = purchase.created_at.date()
    assert [(each.code, each.name) for each in sales_by_package(day, day, "usd")] == [
        ("custom", "Custom amount")
    ]
    assert (
        "Custom amount (custom)"
        in as_superuser.get(f"/admin/purchases/purchase/{purchase.pk}/change/").content.decode()
    )


YEN = {
    "minimum_minor": 500,
    "maximum_minor": 9000,
    "increment_minor": 100,
    "credits_per_unit": Decimal("0.6"),
}
DINAR = {
    "minimum_minor": 1500,
    "maximum_minor": 9000,
    "increment_minor": 10,
    "credits_per_unit": Decimal(600),
}
# The limits, an amount that is too small, and one at twice the package's price, in the main and in the minor unit.
OTHER_CURRENCIES = [("jpy", YEN, "499", "3000", 3000), ("kwd", DINAR, "1.49", "3", 3000)]


@pytest.mark.parametrize(("currency", "limits", "too_small", "amount", "minor"), OTHER_CURRENCIES)
def test_another_currency_has_its_own_unit_limits_and_steps(
    user: User, sandbox: Sandbox, currency: str, limits: Any, too_small: str, amount: str, minor: int
) -> None:
    PackageFactory(credits=1000, price_minor=1500, currency=currency)
    CustomAmount.objects.create(currency=currency, **limits)
    order = {"amount": amount, "currency": currency}

    assert_problem(buy(user, {**order, "amount": too_small}), 400, "amount_below_minimum")
    assert buy(user, order).status_code == 201
    purchase = Purchase.objects.get()
    assert (purchase.price_minor, purchase.currency, purchase.credits) == (minor, currency, Decimal(2000))
    assert sandbox.objects("checkout.session")[0]["amount_total"] == minor


def test_a_purchase_keeps_its_snapshot_whatever_is_edited(user: User, sandbox: Sandbox) -> None:
    session = buy(user).json()["session_id"]
    CustomAmount.objects.update(credits_per_unit=1, is_active=False)
    Package.objects.update(credits=1)
    sandbox.pay(session)
    sandbox.wait_for_webhooks()

    assert (Purchase.objects.get().status, Entry.objects.get().amount) == ("completed", 3750)


def test_the_credits_seen_are_the_credits_sold(user: User) -> None:
    seen = {**ORDER, "credits": 3750, "price": 37.5}
    assert buy(user, seen).status_code == 201
    Package.objects.filter(code="starter").update(credits=2000)

    problem = assert_problem(buy(user, seen), 409, "offer_changed")
    assert problem["offer"] == {
        "package_code": "custom", "package_name": "Custom amount", "credits": 7500, "price": 37.5, "currency": "usd",
    }  # fmt: skip
    assert problem["detail"] == (
        "This offer has changed: $37.50 now buys 7,500 credits. Nothing was charged."
    )
    assert_problem(buy(user, {**ORDER, "price": "37.49"}), 409, "offer_changed")
    assert buy(user, {**ORDER, "credits": problem["offer"]["credits"]}).status_code == 201
    assert Purchase.objects.count() == 2


def test_a_key_stands_for_one_order_of_one_amount(user: User) -> None:
    first = buy(user, idempotency_key="k").json()
    CustomAmount.objects.update(is_active=False)

    assert buy(user, {"amount": 37.5, "currency": "USD"}, idempotency_key="k").json() == first
    for other in ({**ORDER, "amount": "37.51"}, {**ORDER, "currency": "eur"}, {"package_code": "pro"}):
        assert_problem(buy(user, other, idempotency_key="k"), 422, "idempotency_key_reused")
    assert Purchase.objects.count() == 1
    before = hashlib.sha256(json.dumps(["pro", "", ""]).encode()).hexdigest()
    assert PurchaseOrder("pro").fingerprint == before, "keys from before stand"


def test_an_amount_can_be_bought_for_a_team(user: User, sandbox: Sandbox) -> None:
    team = create_team(user, "Acme")
    started = start(user, "", amount=Decimal("37.5"), currency="usd", team_id=team.pk)

    assert started.purchase.account.team == team
    said = sandbox.objects("checkout.session")[0]["custom_text"]["submit"]["message"]
    assert said == "3,750 credits for the team Acme"


class Shouting(gettext.NullTranslations):
    """A language that the site speaks and no browser."""

    def gettext(self, message: str) -> str:
        return message.upper()


@pytest.mark.usefixtures("held_webhooks")  # they would come when the language is gone again
def test_the_name_is_in_the_sites_language_as_on_receipts(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(trans_real._translations, "xx", Shouting())  # type: ignore[attr-defined]
    settings.LANGUAGE_CODE = "xx"

    assert buy(user, accept_language="en").status_code == 201
    assert Purchase.objects.get().package_name == "CUSTOM AMOUNT"
