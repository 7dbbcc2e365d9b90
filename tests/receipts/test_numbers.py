"""Numbers of receipts and credit notes: each once, none left out, whoever asks, whatever fails."""

from __future__ import annotations

import datetime
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import DataError, IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from billing.errors import NoReceipt
from billing.mail.confirmation import send_purchase_confirmation
from billing.purchases.models import Purchase
from billing.receipts import issuing as receipts
from billing.receipts.issuing import erase_buyers, file_of, issue_credit_note, issue_receipt
from billing.receipts.models import Receipt, ReceiptSeries
from billing.refunds.models import Refund
from tests.billing.worker import run_worker
from tests.receipts.papers import paid, pending, refunded, text_of
from tests.support.builders import UserFactory
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db(transaction=True)
MOMENT = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)


def paid_at(user: User, moment: datetime.datetime = MOMENT, **fields: Any) -> Purchase:
    """Paid then at Stripe, and reported now."""
    return paid(user, told={"at": moment}, **fields)


def numbers() -> list[str]:
    return list(Receipt.objects.order_by("issued_at").values_list("number", flat=True))


def serials() -> list[int]:
    return sorted(Receipt.objects.values_list("serial", flat=True))


# --- One after the other --------------------------------------------------------------------------------------------


def test_numbers_follow_the_order_in_which_receipts_are_asked_for(buyer: User) -> None:
    first, second, third = (paid_at(buyer) for _ in range(3))
    for purchase in (second, third, first):
        issue_receipt(purchase.pk)
    assert numbers() == ["R-2026-000001", "R-2026-000002", "R-2026-000003"]
    assert second.receipts.get().number == "R-2026-000001"


def test_a_receipt_asked_for_again_is_the_same_one(buyer: User) -> None:
    purchase = paid_at(buyer)
    assert {issue_receipt(purchase.pk).pk for _ in range(3)} == {Receipt.objects.get().pk}


def test_each_year_of_payments_begins_anew_in_the_sites_time_zone(buyer: User, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    new_year = datetime.datetime(2026, 12, 31, 15, 30, tzinfo=datetime.UTC)
    for moment in (MOMENT, new_year, new_year - datetime.timedelta(hours=1)):
        issue_receipt(paid_at(buyer, moment).pk)
    assert numbers() == ["R-2026-000001", "R-2027-000001", "R-2026-000002"]
    assert Receipt.objects.get(number="R-2027-000001").day == datetime.date(2027, 1, 1)


def test_a_credit_note_is_of_the_day_and_year_in_which_the_refund_was_made(buyer: User) -> None:
    purchase = paid_at(buyer)
    made_at = datetime.datetime(2026, 12, 31, 12, tzinfo=datetime.UTC)
    refund = refunded(purchase, made_at=made_at, settled_at=made_at + datetime.timedelta(days=3))
    note = issue_credit_note(refund)
    assert (note.number, note.day) == ("C-2026-000001", datetime.date(2026, 12, 31))


def test_numbers_may_go_on_for_good(buyer: User, settings: Any) -> None:
    settings.RECEIPT_NUMBERS_PER_YEAR = False
    settings.RECEIPT_PREFIX = "SHOP"
    for moment in (MOMENT, MOMENT + datetime.timedelta(days=365)):
        issue_receipt(paid_at(buyer, moment).pk)
    assert numbers() == ["SHOP-000001", "SHOP-000002"]


def test_credit_notes_have_numbers_of_their_own_and_the_receipt_has_its_number_first(buyer: User) -> None:
    purchase = paid_at(buyer)
    for amount in (1500, 500):
        issue_credit_note(refunded(purchase, amount))
    assert numbers() == ["R-2026-000001", "C-2026-000001", "C-2026-000002"]


# --- What has none --------------------------------------------------------------------------------------------------


def test_what_was_not_paid_has_no_receipt_and_takes_no_number(buyer: User) -> None:
    for purchase in (pending(buyer), paid(buyer, price_minor=0, list_price_minor=0)):
        with pytest.raises(NoReceipt):
            issue_receipt(purchase.pk)
    assert not ReceiptSeries.objects.exists()


@pytest.mark.parametrize("status", sorted(set(Refund.Status.values) - {"succeeded"}))
def test_a_refund_that_has_not_arrived_has_no_credit_note(buyer: User, status: str) -> None:
    with pytest.raises(NoReceipt):
        issue_credit_note(refunded(paid(buyer), status=status))
    assert not ReceiptSeries.objects.exists()


def test_a_refund_that_fails_after_all_keeps_its_number_in_the_books_and_gives_no_credit_note(
    buyer: User,
) -> None:
    refund = refunded(paid_at(buyer))
    issue_credit_note(refund)
    refund.status = Refund.Status.FAILED
    refund.save()
    with pytest.raises(NoReceipt):
        issue_credit_note(refund)
    issue_credit_note(refunded(paid_at(buyer), 700))
    assert "C-2026-000001" in numbers()
    assert "C-2026-000002" in numbers()


# --- No gaps, no doubles --------------------------------------------------------------------------------------------


def test_a_receipt_that_could_not_be_written_gives_its_number_back(buyer: User, settings: Any) -> None:
    purchase = paid_at(buyer)
    settings.SELLER_NAME = "x" * 201
    with pytest.raises(DataError):
        issue_receipt(purchase.pk)
    settings.SELLER_NAME = "Example"
    assert issue_receipt(purchase.pk).number == "R-2026-000001"


def test_many_at_once_get_consecutive_numbers(buyer: User) -> None:
    purchases = [paid_at(buyer) for _ in range(12)]
    given = at_once(*[partial(issue_receipt, purchase.pk) for purchase in purchases])
    assert sorted(receipt.serial for receipt in given) == list(range(1, 13))
    assert serials() == list(range(1, 13))


def test_many_at_once_for_one_purchase_get_one_receipt(buyer: User) -> None:
    purchase = paid_at(buyer)
    given = at_once(*[partial(issue_receipt, purchase.pk)] * 8)
    assert {receipt.number for receipt in given} == {"R-2026-000001"}
    assert serials() == [1]


def test_receipts_and_credit_notes_at_once_never_wait_for_each_other_in_a_circle(buyer: User) -> None:
    purchases = [paid_at(buyer) for _ in range(6)]
    calls = [partial(issue_credit_note, refunded(purchase)) for purchase in purchases]
    calls += [partial(issue_receipt, purchase.pk) for purchase in purchases]
    at_once(*calls)
    for kind in Receipt.Kind:
        found = Receipt.objects.filter(kind=kind).values_list("serial", flat=True)
        assert sorted(found) == list(range(1, 7))


def test_without_the_series_lock_the_same_number_is_given_twice(
    buyer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the next number read from what is there. Only the constraint keeps doubles out."""

    both_have_looked = Barrier(2, timeout=20)

    def highest_and_one(series: str) -> int:
        serials = Receipt.objects.filter(series=series).order_by("-serial").values_list("serial", flat=True)
        last = serials.first() or 0
        both_have_looked.wait()
        return last + 1

    monkeypatch.setattr(receipts, "_next_of", highest_and_one)
    purchases = [paid_at(buyer) for _ in range(2)]
    with pytest.raises(IntegrityError, match="receipt_number"):
        at_once(*[partial(issue_receipt, purchase.pk) for purchase in purchases])


def test_the_job_and_a_buyer_who_is_quicker_give_one_number(buyer: User) -> None:
    purchase = paid_at(buyer)
    number = issue_receipt(purchase.pk).number
    run_worker()
    run_worker()
    send_purchase_confirmation(purchase.pk)
    assert numbers() == [number]


def test_the_job_numbers_the_receipt_of_a_buyer_without_an_address_too() -> None:
    paid(UserFactory.create(email=""))
    run_worker()
    assert serials() == [1]


def test_crediting_a_purchase_takes_no_number_and_so_makes_no_webhook_wait(buyer: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        paid(buyer)
    assert not [query for query in queries if "receipts_receipt" in query["sql"]]


def test_a_number_is_not_taken_inside_somebodys_transaction(buyer: User) -> None:
    purchase = paid(buyer)
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        issue_receipt(purchase.pk)


# --- The database's half --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"number": "R-1"},
        {"day": datetime.date(2020, 1, 1)},
        {"seller_name": "Other"},
        {"note": ""},
        {"buyer": "Eve"},
        {"paid_with": "Visa •••• 1111"},
    ],
)
def test_the_database_keeps_what_a_receipt_says(buyer: User, change: dict[str, Any]) -> None:
    issue_receipt(paid(buyer).pk)
    with pytest.raises(ProgrammingError, match="Cannot update"):
        Receipt.objects.update(**change)


def test_the_database_keeps_receipts_and_how_far_their_numbers_have_come(buyer: User) -> None:
    issue_receipt(paid(buyer).pk)
    with pytest.raises(ProgrammingError, match="Cannot delete"):
        Receipt.objects.all()._raw_delete(Receipt.objects.db)
    with pytest.raises(ProgrammingError, match="Cannot delete"):
        ReceiptSeries.objects.all().delete()
    with pytest.raises(ProgrammingError, match="Cannot update"):
        ReceiptSeries.objects.update(last=0)
    with connection.cursor() as cursor, pytest.raises(ProgrammingError, match="Cannot truncate"):
        cursor.execute("TRUNCATE receipts_receipt CASCADE")


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("receipt_number_once", {"serial": 1}),
        ("receipt_one_per_purchase", {}),
        ("receipt_credit_note_has_its_refund", {"kind": "credit_note"}),
        ("receipt_counts_from_one", {"serial": 0}),
    ],
)
def test_the_database_refuses_a_document_that_cannot_be(
    buyer: User, rule: str, fields: dict[str, Any]
) -> None:
    issued = issue_receipt(paid(buyer).pk)
    values = {
        "kind": "receipt",
        "purchase_id": issued.purchase_id,
        "number": "other",
        "series": issued.series,
        "serial": 2,
        "day": issued.day,
        "language": "en",
        "seller_name": "x",
    }
    with pytest.raises(IntegrityError, match=rule):
        Receipt.objects.create(**{**values, **fields})


# --- Forgetting a buyer ---------------------------------------------------------------------------------------------


def test_a_forgotten_buyer_leaves_the_number_and_the_amount(buyer: User) -> None:
    purchase = paid_at(buyer)
    issue_credit_note(refunded(purchase))
    assert "4242" in text_of(file_of(issue_receipt(purchase.pk)).content)
    assert erase_buyers(Receipt.objects.filter(purchase__user=buyer)) == 2
    assert erase_buyers(Receipt.objects.filter(purchase__user=buyer)) == 0
    text = text_of(file_of(issue_receipt(purchase.pk)).content)
    assert "Ada" not in text
    assert "ada@" not in text
    assert "4242" not in text
    assert "R-2026-000001" in text
    assert "$45.00" in text


def test_a_buyer_who_is_gone_before_the_receipt_is_not_on_it(buyer: User) -> None:
    purchase = paid(buyer)
    buyer.delete()
    assert issue_receipt(purchase.pk).buyer == ""
