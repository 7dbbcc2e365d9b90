"""GET history, balance and admin/purchases: the caller's rows as JSON numbers and UTC times, a slice at a time."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.clients.api_keys import create_key
from accounts.models import User
from billing.checkout.fulfilment import fulfil_purchase
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_reports import PaymentState
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from tests.billing.calling import API, assert_problem, browser_of
from tests.support.api_clients import make_client
from tests.support.builders import UserFactory, paid_report

pytestmark = pytest.mark.django_db
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SOURCE = Source(PurchaseEvent.Source.WEBHOOK)


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def bought(user: User, status: str = "pending", **fields: Any) -> Purchase:
    """A purchase as checkout leaves it, brought to ``status`` as fulfilment would."""
    values: dict[str, Any] = {
        "package_code": "standard",
        "package_name": "Standard Pack",
        "credits": Decimal(5000),
        "price_minor": 4500,
        "list_price_minor": 5000,
        "currency": "usd",
        "discount_percentage": Decimal(10),
    }
    values.update(fields)
    purchase = Purchase.objects.create(user=user, account=ledger.open_account(user), **values)
    states = {
        "completed": PaymentState.PAID,
        "processing": PaymentState.PROCESSING,
        "failed": PaymentState.FAILED,
        "expired": None,
    }
    if status in states:
        report = paid_report(purchase, state=states[status], payment_intent_id=f"pi_{purchase.pk.hex}")
        return fulfil_purchase(purchase.pk, report, SOURCE)
    return purchase


def history(user: User, query: str = "") -> Any:
    return browser_of(user).get(f"{API}history{query}")


def test_a_completed_purchase_reads_as_numbers_and_utc_times(user: User, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"  # where the server stands is nobody's business
    purchase = bought(user, "completed")
    (row,) = history(user).json()

    assert {name: row[name] for name in row if not name.endswith("_at")} == {
        "id": str(purchase.pk),
        "package_code": "standard",
        "package_name": "Standard Pack",
        "team": None,
        "amount_credits": 5000,
        "bonus_credits": 0,
        "amount_paid": 45.0,
        "price": 45.0,
        "tax": 0.0,
        "promotion": 0.0,
        "discount_applied": 5.0,
        "currency": "usd",
        "status": "completed",
        "stripe_payment_id": purchase.stripe_payment_intent_id,
    }
    for name in ("created_at", "completed_at"):
        assert UTC_TIME.fullmatch(row[name])
        assert abs(datetime.fromisoformat(row[name]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert {type(row[name]) for name in ("amount_paid", "price", "discount_applied")} == {float}


@pytest.mark.parametrize("status", ["pending", "processing", "failed", "expired"])
def test_what_is_not_completed_has_paid_nothing_and_no_time(user: User, status: str) -> None:
    purchase = bought(user, status)
    (row,) = history(user).json()

    assert (row["status"], row["amount_paid"], row["completed_at"]) == (status, 0.0, None)
    tried = f"pi_{purchase.pk.hex}" if status in ("processing", "failed") else None
    assert row["stripe_payment_id"] == tried


@pytest.mark.parametrize(("currency", "paid", "saved"), [("jpy", 4500.0, 500.0), ("kwd", 4.5, 0.5)])
def test_amounts_are_in_the_currencys_main_unit(user: User, currency: str, paid: float, saved: float) -> None:
    bought(user, "completed", currency=currency)
    (row,) = history(user).json()

    assert (row["amount_paid"], row["discount_applied"]) == (paid, saved)


def test_credits_have_two_decimals_at_most_and_a_balance_all_of_them(user: User) -> None:
    ledger.grant(ledger.open_account(user).pk, Decimal("10.999999"), kind=Entry.Kind.PROMOTION, key="gift")
    bought(user, "completed", credits=Decimal("0.50"))

    assert history(user).json()[0]["amount_credits"] == 0.5
    assert browser_of(user).get(f"{API}balance").json()["balance"] == 11.499999


def test_the_newest_comes_first_and_the_total_stands_in_a_header(user: User) -> None:
    purchases = [bought(user) for _ in range(5)]
    answer = history(user, "?limit=2&offset=1")

    assert answer["X-Total-Count"] == "5"
    newest = sorted(purchases, key=lambda purchase: (purchase.created_at, purchase.pk), reverse=True)
    assert [row["id"] for row in answer.json()] == [str(purchase.pk) for purchase in newest[1:3]]


def test_pages_together_are_the_whole_list_without_a_gap_or_a_repeat(user: User) -> None:
    bought(user)
    with transaction.atomic():  # all of one moment: only the id tells them apart
        for _ in range(6):
            bought(user)
    pages = [history(user, f"?limit=3&offset={offset}").json() for offset in (0, 3, 6)]

    ids = [row["id"] for page in pages for row in page]
    assert sorted(ids) == sorted(str(pk) for pk in Purchase.objects.values_list("pk", flat=True))


def test_a_status_narrows_the_list_and_the_total(user: User) -> None:
    for status in ("pending", "completed", "completed", "expired"):
        bought(user, status)
    answer = history(user, "?status=completed")

    assert ([row["status"] for row in answer.json()], answer["X-Total-Count"]) == (["completed"] * 2, "2")
    assert history(user, "?status=").headers["X-Total-Count"] == "4"


@pytest.mark.parametrize("path", ["history", "admin/purchases"])
@pytest.mark.parametrize(
    ("query", "rows"), [("", None), ("?limit=101", 100), ("?limit=99999999999999999999", 100)]
)
def test_a_slice_is_capped_at_a_hundred(path: str, query: str, rows: int | None) -> None:
    admin = UserFactory(is_superuser=True)
    account = ledger.open_account(admin)
    one = {"user": admin, "account": account, "package_code": "p", "package_name": "P", "credits": 1}
    money = {"price_minor": 1, "list_price_minor": 1, "currency": "usd", "discount_percentage": 0}
    Purchase.objects.bulk_create(Purchase(**one, **money) for _ in range(105))
    answer = browser_of(admin).get(f"{API}{path}{query}")

    assert len(answer.json()) == (rows or {"history": 50, "admin/purchases": 100}[path])
    assert answer["X-Total-Count"] == "105"


@pytest.mark.parametrize("path", ["history", "admin/purchases"])
@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("offset=-1", "offset"),
        ("offset=x", "offset"),
        ("offset=99999999999999999999", "offset"),
        ("status=returned", "status"),
    ],
)
def test_a_wrong_page_is_a_400_that_names_the_parameter(path: str, query: str, attr: str) -> None:
    answer = browser_of(UserFactory(is_superuser=True)).get(f"{API}{path}?{query}")

    problem = assert_problem(answer, 400, "invalid_request")
    assert [error["attr"] for error in problem["errors"]] == [attr]


def test_a_page_beyond_the_end_is_empty_and_still_has_the_total(user: User) -> None:
    bought(user)
    answer = history(user, "?offset=10")

    assert (answer.status_code, answer.json(), answer["X-Total-Count"]) == (200, [], "1")


def test_a_page_costs_the_same_whatever_its_length(user: User) -> None:
    counts = []
    for _ in range(2):
        bought(user, "completed")
        client = browser_of(user)
        with CaptureQueriesContext(connection) as queries:
            client.get(f"{API}history")
        counts.append(len(queries))
    assert counts == [5, 5]  # session, user, rows, their payments, total


def test_the_balance_of_somebody_who_never_bought_is_zero(user: User) -> None:
    assert browser_of(user).get(f"{API}balance").json() == {
        "account": None, "balance": 0, "available": 0, "held": 0, "lifetime_purchased": 0,
    }  # fmt: skip


def test_a_balance_reads_the_same_in_both_apis(user: User) -> None:
    """To the digit: numbers for buyers' clients, which always read numbers, and strings for services."""
    account = ledger.open_account(user)
    ledger.grant(account.pk, Decimal("10000000.000007"), kind=Entry.Kind.PROMOTION, key="gift")
    ledger.hold(account.pk, Decimal("0.721625"), key="h", expires_in=timedelta(minutes=5))
    secret = create_key(make_client(), name="k").secret

    answer = browser_of(user).get(f"{API}balance")
    of_buyer = json.loads(answer.content, parse_float=Decimal, parse_int=Decimal)
    path = f"/api/v1/credits/accounts/{account.pk}/balance"
    of_service = Client().get(path, headers={"Authorization": f"Bearer {secret}"}).json()

    assert of_service == {
        "account": str(account.pk), "balance": "10000000.000007", "available": "9999999.278382", "held": "0.721625",
    }  # fmt: skip
    assert {name: str(of_buyer[name]) for name in of_service} == of_service


def test_the_balance_is_the_ledgers(user: User) -> None:
    bought(user, "completed")
    bought(user, "completed", credits=Decimal("0.25"))
    bought(user, "pending")
    bought(UserFactory(), "completed")

    body = browser_of(user).get(f"{API}balance").json()
    assert body == {
        "account": str(ledger.open_account(user).pk),
        "balance": 5000.25,
        "available": 5000.25,
        "held": 0,
        "lifetime_purchased": 5000.25,
    }


def test_admins_see_everybodys_purchases_with_their_buyers_and_what_is_wrong(user: User) -> None:
    other = UserFactory(email="other@example.com", oidc_sub="subject-of-other")
    bought(user, "completed")
    wrong = bought(other)
    fulfil_purchase(wrong.pk, paid_report(wrong, amount_minor=1), SOURCE)
    answer = browser_of(UserFactory(is_superuser=True)).get(f"{API}admin/purchases")

    assert answer["X-Total-Count"] == "2"
    row = next(row for row in answer.json() if row["id"] == str(wrong.pk))
    assert row["user"] == {
        "id": str(other.pk),
        "username": other.username,
        "email": "other@example.com",
        "sub": "subject-of-other",
    }
    assert (row["attention"], row["attention_detail"]) == (
        "amount_differs", "paid 1, priced 4500 (minor units)",
    )  # fmt: skip
    assert (row["status"], row["amount_paid"]) == ("pending", 0.0)


def test_an_erased_buyers_purchase_stays_with_no_user(user: User) -> None:
    bought(user, "completed")
    user.delete()
    (row,) = browser_of(UserFactory(is_superuser=True)).get(f"{API}admin/purchases").json()

    assert (row["user"], row["amount_paid"]) == (None, 45.0)


def test_everybodys_purchases_take_no_query_for_each_buyer() -> None:
    for _ in range(3):
        bought(UserFactory())
    client = browser_of(UserFactory(is_superuser=True))
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(f"{API}admin/purchases").json()) == 3
    assert len(queries) == 5


@pytest.mark.parametrize("role", [{}, {"is_staff": True}])
def test_everybodys_purchases_are_for_the_admin_role_alone(role: dict[str, bool]) -> None:
    answer = browser_of(UserFactory(**role)).get(f"{API}admin/purchases")

    assert_problem(answer, 403, "permission_denied")
