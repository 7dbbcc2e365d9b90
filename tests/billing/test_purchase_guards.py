"""The database's half of the rules for purchases: what raw SQL that goes around the code is refused, and by which."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Purchase, PurchaseEvent
from core.database.locks import require_transaction
from credits.ledger import operations as ledger
from tests.admin.rows import make_payment
from tests.credits.builders import grant
from tests.support.builders import UserFactory

SOURCE = Source(PurchaseEvent.Source.STAFF)


@pytest.fixture
def purchase(db: None) -> Purchase:
    return make_purchase()


def make_purchase() -> Purchase:
    user = UserFactory.create()
    purchase = Purchase(
        user=user,
        account=ledger.open_account(user),
        package_code="standard",
        package_name="Standard",
        credits=5000,
        price_minor=4500,
        list_price_minor=5000,
        currency="usd",
        discount_percentage=10,
        idempotency_key="order-1",
        stripe_session_id="cs_1",
    )
    with transaction.atomic():
        record(purchase, Change("started"), SOURCE)
    return purchase


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


REFUSED = [
    ("credits = 0", "purchase_credits_positive"),
    ("price_minor = -1", "purchase_price_not_negative"),
    ("status = 'completed', paid_minor = 4500", "purchase_completed_has_its_time"),
    ("completed_at = now()", "purchase_completed_has_its_time"),
    (
        "status = 'completed', completed_at = now(), paid_minor = 4499",
        "purchase_completed_is_paid_in_full",
    ),
]


@pytest.mark.parametrize(("change", "constraint"), REFUSED)
def test_the_database_refuses(purchase: Purchase, change: str, constraint: str) -> None:
    assert refused_by(f"UPDATE purchases_purchase SET {change}") == constraint


def test_a_purchase_is_not_completed_without_what_was_paid(purchase: Purchase) -> None:
    """A comparison with NULL is neither true nor false, and a CHECK lets that pass."""
    completed = "UPDATE purchases_purchase SET status = 'completed', completed_at = now(), paid_minor = NULL"
    assert refused_by(completed) == "purchase_completed_is_paid_in_full"


def refused_by(statement: str) -> str:
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        run(statement)
    assert isinstance(refusal.value.__cause__, psycopg.Error)
    return str(refusal.value.__cause__.diag.constraint_name)


def test_a_session_belongs_to_one_purchase(purchase: Purchase) -> None:
    other = Purchase.objects.get(pk=purchase.pk)
    other.pk, other.idempotency_key = uuid.uuid4(), None
    other._state.adding = True
    with pytest.raises(IntegrityError, match="stripe_session_id"), transaction.atomic():
        other.save()


# --- Payments


def test_a_payment_belongs_to_one_purchase(purchase: Purchase) -> None:
    make_payment(purchase, stripe_payment_intent_id="pi_1", stripe_charge_id="ch_1")
    for same in ({"stripe_payment_intent_id": "pi_1"}, {"stripe_charge_id": "ch_1"}):
        with pytest.raises(IntegrityError, match=r"intent|charge"), transaction.atomic():
            make_payment(purchase, **same)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("amount_minor = 0", "payment_amount_positive"),
        ("paid_at = NULL", "payment_paid_has_its_time"),
        ("state = 'failed'", "payment_paid_has_its_time"),
        ("attention = 'paid_twice', lot_id = {lot}", "payment_accepted_is_paid"),
        ("state = 'failed', paid_at = NULL, lot_id = {lot}", "payment_accepted_is_paid"),
    ],
)
def test_the_database_refuses_a_payment(purchase: Purchase, change: str, constraint: str) -> None:
    make_payment(purchase)
    lot = grant(purchase.account, 1).lot_id
    assert refused_by(f"UPDATE purchases_payment SET {change.format(lot=lot)}") == constraint


def test_of_a_purchase_one_payment_is_accepted(purchase: Purchase) -> None:
    for key in ("first", "second"):
        make_payment(purchase)
        lot = grant(purchase.account, 1, key=key).lot_id
        statement = f"UPDATE purchases_payment SET lot_id = {lot} WHERE lot_id IS NULL"
        if key == "first":
            run(statement)
    assert refused_by(statement) == "payment_one_accepted"


def test_a_payment_is_never_taken_away_or_given_to_another_purchase(purchase: Purchase) -> None:
    make_payment(purchase)
    for statement, message in (
        ("DELETE FROM purchases_payment", "Cannot delete rows from purchases_payment"),
        (
            "UPDATE purchases_payment SET purchase_id = gen_random_uuid()",
            "Cannot update rows from purchases_payment",
        ),
        ("UPDATE purchases_payment SET stripe_payment_intent_id = 'pi_2'", "Cannot update rows"),
    ):
        with pytest.raises(ProgrammingError, match=message), transaction.atomic():
            run(statement)


# --- The timeline


def test_an_idempotency_key_is_one_purchase_of_its_buyer(purchase: Purchase) -> None:
    other = Purchase.objects.get(pk=purchase.pk)
    other.pk, other.stripe_session_id = uuid.uuid4(), None
    other._state.adding = True
    with (
        pytest.raises(IntegrityError, match="purchase_one_per_idempotency_key"),
        transaction.atomic(),
    ):
        other.save()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE purchases_purchaseevent SET what = 'nothing'", "Cannot update or delete rows"),
        ("DELETE FROM purchases_purchaseevent", "Cannot update or delete rows"),
        ("TRUNCATE purchases_purchaseevent", "Cannot truncate purchases_purchaseevent"),
        ("DELETE FROM purchases_purchase", "Cannot delete rows from purchases_purchase"),
        ("TRUNCATE purchases_purchase CASCADE", "Cannot truncate purchases_purchase"),
    ],
)
def test_what_happened_to_a_purchase_is_never_changed_or_taken_away(
    purchase: Purchase, statement: str, message: str
) -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(ProgrammingError, match=message), transaction.atomic():
        run(statement)


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_a_transaction_is_refused() -> None:
    """PostgreSQL would release it at once, and whoever took it would believe to be alone."""
    purchase = make_purchase()
    for call in (
        require_transaction,
        lambda: lock_purchase(purchase.pk),
        lambda: record(purchase, Change("paid"), SOURCE),
    ):
        with pytest.raises(RuntimeError, match="needs an open transaction"):
            call()
    assert PurchaseEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_status_and_event_are_written_together_or_not_at_all() -> None:
    purchase = make_purchase()
    with transaction.atomic():
        record(lock_purchase(purchase.pk), Change("failed", Purchase.Status.FAILED), SOURCE)
        transaction.set_rollback(True)
    assert Purchase.objects.get().status == Purchase.Status.PENDING
    assert [event.what for event in PurchaseEvent.objects.all()] == ["started"]
