"""One box finds a customer by any id, which scans no table, or by name; nothing that is entered breaks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from djstripe.models import Charge, PaymentMethod

from accounts.models import User
from accounts.teams.membership import create_team
from billing.admin.customers.search import BY_STRIPE_ID, SHOWN, find_customers
from billing.purchases.models import Payment, Purchase
from billing.receipts.models import Receipt
from billing.refunds.models import Dispute, Refund
from credits.ledger import operations as ledger
from tests.admin.customers.rows import buy, live_through_everything, make_customer, url_of
from tests.admin.pages import read
from tests.admin.rows import make_purchase
from tests.config.routes import NOBODY
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

BOX = "/admin/customers/"


@pytest.fixture
def ada() -> User:
    return make_customer(email="ada@example.org", oidc_sub="sub-of-ada")


@pytest.fixture
def purchase(ada: User, superuser: User) -> Purchase:
    return live_through_everything(ada, superuser)


@pytest.fixture
def others(purchase: Purchase, superuser: User) -> None:
    """Somebody else with the same, whom no id may find."""
    live_through_everything(UserFactory.create(), superuser)


def keys_of(text: str) -> list[UUID]:
    return [customer.key for customer in find_customers(text).customers]


def payment_of(purchase: Purchase) -> Payment:
    payment = purchase.accepted_payment
    assert payment is not None
    return payment


IDS: dict[str, Callable[[Purchase], Any]] = {
    "user": lambda purchase: purchase.user_id,
    "account": lambda purchase: purchase.account_id,
    "purchase": lambda purchase: purchase.pk,
    "payment": lambda purchase: payment_of(purchase).pk,
    "refund": lambda purchase: Refund.objects.get(payment__purchase=purchase).pk,
    "dispute": lambda purchase: Dispute.objects.get(payment__purchase=purchase).pk,
    "receipt": lambda purchase: Receipt.objects.get(purchase=purchase).number,
    "receipt in small letters": lambda purchase: Receipt.objects.get(purchase=purchase).number.lower(),
    "session": lambda purchase: purchase.stripe_session_id,
    "intent": lambda purchase: payment_of(purchase).stripe_payment_intent_id,
    "charge": lambda purchase: payment_of(purchase).stripe_charge_id,
    "Stripe customer": lambda purchase: purchase.stripe_customer_id,
    "Stripe refund": lambda purchase: Refund.objects.get(payment__purchase=purchase).stripe_refund_id,
    "Stripe dispute": lambda purchase: Dispute.objects.get(payment__purchase=purchase).stripe_dispute_id,
    "username": lambda purchase: "ADA",
    "beginning of the first name": lambda purchase: "ad",
    "last name": lambda purchase: "lovelace",
    "whole name": lambda purchase: "Ada  Love",
    "email": lambda purchase: "Ada@Example.org",
    "OpenID subject": lambda purchase: "sub-of-ada",
}


@pytest.mark.parametrize("what", IDS)
def test_one_hit_leads_straight_to_its_customer(
    what: str, purchase: Purchase, others: None, as_clerk: Client
) -> None:
    answer = as_clerk.get(BOX, {"q": f" {IDS[what](purchase)} "})

    assert (answer.status_code, answer.headers.get("Location")) == (302, url_of(purchase.user_id))


def test_a_payment_method_is_found_by_the_charges_it_made(purchase: Purchase, others: None) -> None:
    method = PaymentMethod.objects.create(id="pm_1", livemode=False, stripe_data={"id": "pm_1"})
    charge = payment_of(purchase).stripe_charge_id
    Charge.objects.create(
        id=charge, payment_method=method, amount=1, currency="usd", livemode=False, stripe_data={}
    )

    assert keys_of("pm_1") == [purchase.user_id]


def test_a_team_is_found_by_name_and_by_what_was_bought_for_it(ada: User) -> None:
    team = create_team(ada, "Analytical Engines")
    purchase = make_purchase(user=ada)
    Purchase.objects.filter(pk=purchase.pk).update(account=ledger.open_team_account(team))

    for text in ("analytical", str(purchase.pk), str(team.pk)):
        assert keys_of(text) == [team.pk]


def test_several_are_listed_and_none_says_what_can_be_searched(as_clerk: Client) -> None:
    for number in range(SHOWN + 1):
        make_customer(username=f"ada{number}")

    page = read(as_clerk, BOX, q="ada")
    assert page.count("Ada Lovelace") == SHOWN
    assert "There are more." in page
    for page in (read(as_clerk, BOX, q="nobody"), read(as_clerk, BOX)):
        assert "a receipt’s number" in page
    assert "Nobody was found." in read(as_clerk, BOX, q="nobody")


def test_an_account_whose_holder_is_gone_is_found(ada: User) -> None:
    purchase = buy(ada)
    ada.delete()

    assert keys_of(str(purchase.pk)) == [purchase.account_id]


ODD = [
    "%",
    "_",
    "%%%",
    "\\",
    "'",
    '"; --',
    "x" * 300,
    "ı" * 200,
    "é",
    "🦆",
    "pi_",
    "cus_%",
    "R-",
    "{}",
    " ",
    "0" * 32,
]


@pytest.mark.parametrize("text", ODD)
def test_odd_text_finds_nobody(text: str, ada: User, as_clerk: Client) -> None:
    assert as_clerk.get(BOX, {"q": text}).status_code == 200
    assert find_customers(text).customers == []


def test_a_nul_is_refused(as_clerk: Client) -> None:
    assert as_clerk.get(BOX, {"q": "a\x00b"}).status_code == 400


def plans_of(text: str) -> list[str]:
    """How PostgreSQL would answer each query of the search, if it could avoid reading whole tables."""
    with CaptureQueriesContext(connection) as queries:
        find_customers(text)
    plans = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
        cursor.execute("SET LOCAL enable_seqscan = on")
    return plans


@pytest.mark.parametrize(
    "text", [*(f"{prefix}1" for prefix in BY_STRIPE_ID), NOBODY, "R-2026-000001", "ada", "Ada Lovelace"]
)
def test_no_search_reads_a_whole_table(text: str) -> None:
    plans = plans_of(text)
    assert plans
    assert [plan for plan in plans if "Seq Scan" in plan] == []


def test_a_search_through_no_index_would_be_noticed() -> None:
    """The negative control."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT * FROM accounts_user WHERE first_name LIKE '%ada%'")
        assert "Seq Scan" in "\n".join(line for (line,) in cursor.fetchall())


def test_the_box_is_on_the_front_page_and_in_the_sidebar(as_clerk: Client) -> None:
    for url in (reverse("admin:index"), reverse("admin:purchases_purchase_changelist"), BOX):
        assert read(as_clerk, url).count('class="customer-search"') == 1, url
