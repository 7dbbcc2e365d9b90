"""Purchases and refunds as files: for whom may, in a bounded number of queries, harmless in a spreadsheet."""

from __future__ import annotations

import csv
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from billing.purchases.exports import purchases_csv
from billing.purchases.models import Purchase
from core.database.row_batches import ROWS_AT_ONCE
from tests.admin.pages import list_of, read
from tests.returns.asking import refund
from tests.returns.selling import buy, spend
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

PURCHASES, REFUNDS = "/admin/purchases/purchase/download/", "/admin/refunds/refund/download/"


def lines_of(client: Client, address: str) -> list[dict[str, str]]:
    answer: Any = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert "attachment; filename=" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(StringIO(text)))


def test_a_purchase_is_a_line_with_what_went_back(as_superuser: Client, purchase: Purchase) -> None:
    spend(purchase, 4900)
    refund(purchase, 450, policy="debt")
    (line,) = lines_of(as_superuser, PURCHASES)

    assert (line["purchase"], line["status"], line["package"]) == (
        str(purchase.pk),
        "partially_refunded",
        "standard",
    )
    assert (line["price"], line["paid"], line["refunded"], line["currency"]) == (
        "45.00",
        "45.00",
        "4.50",
        "usd",
    )
    assert (line["credits"], line["credits_taken_back"], line["credits_owed"]) == ("5000", "100", "400")
    assert line["created"].endswith("+00:00")


def test_a_refund_is_a_line_and_its_note_no_formula(as_superuser: Client, purchase: Purchase) -> None:
    made = refund(purchase, 450, note='=HYPERLINK("http://evil.example")')
    (line,) = lines_of(as_superuser, REFUNDS)

    assert (line["refund"], line["purchase"], line["amount"]) == (str(made.pk), str(purchase.pk), "4.50")
    assert line["note"] == '\'=HYPERLINK("http://evil.example")'


def test_a_buyers_address_is_no_formula(as_superuser: Client, purchase: Purchase) -> None:
    assert purchase.user is not None
    type(purchase.user).objects.update(email="+1@example.com")
    (line,) = lines_of(as_superuser, PURCHASES)
    assert line["buyer"] == "'+1@example.com"


@pytest.mark.parametrize("address", [PURCHASES, REFUNDS])
def test_only_whom_may_downloads_and_sees_the_button(
    as_clerk: Client, as_superuser: Client, address: str, purchase: Purchase
) -> None:
    assert as_clerk.get(address).status_code == 403
    assert address not in read(as_clerk, list_of(Purchase))
    assert PURCHASES in read(as_superuser, list_of(Purchase))


def test_a_file_takes_one_query_for_each_thousands_of_rows(
    sandbox: Sandbox, purchase: Purchase, buyer: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        buy(sandbox, buyer, "starter")
    assert ROWS_AT_ONCE > 4
    # The purchases, whose, their payments, lots, clawbacks, schedules and packages.
    with django_assert_num_queries(7):
        assert "".join(purchases_csv(Purchase.objects.all())).count("\n") == 5
