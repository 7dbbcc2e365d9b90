"""`ledger.transfer`: what arrives is what was given, as it was given, once."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from credits.errors import (
    AccountClosed,
    InsufficientCredits,
    InvalidAmount,
    InvalidEntry,
    KeyConflict,
    UnknownAccount,
)
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from credits.ledger.results import Transfer
from tests.credits.builders import (
    funded,
    grant,
    hold,
    left,
    let_lot_expire,
    numbers,
    open_account,
    soon,
    spend,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]

SPRING, SUMMER = datetime(2030, 3, 1, tzinfo=UTC), datetime(2030, 7, 1, tzinfo=UTC)


def give(
    giver: Account, receiver: Account, amount: str | int, *, key: str = "gift:1", **arguments: Any
) -> Transfer:
    return ledger.transfer(giver.pk, receiver.pk, Decimal(amount), key=key, **arguments)


def test_a_gift_is_one_entry_in_each_account() -> None:
    giver, receiver = funded(100), funded(1)
    given = give(giver, receiver, "30.000001", reference="thanks", metadata={"message": "for lunch"})

    sent, received = Entry.objects.get(pk=given.sent_entry_id), Entry.objects.get(pk=given.received_entry_id)
    assert given.balance_after == sent.balance_after == Decimal("69.999999")
    assert (sent.account_id, sent.kind, sent.amount) == (giver.pk, "gift_sent", Decimal("-30.000001"))
    assert (received.account_id, received.kind, received.amount) == (
        receiver.pk,
        "gift_received",
        Decimal("30.000001"),
    )
    assert sent.reference == received.reference == "thanks"
    assert sent.metadata == {"message": "for lunch", "to": str(receiver.pk)}
    assert received.metadata == {"message": "for lunch", "from": str(giver.pk)}
    assert numbers(receiver) == (Decimal("31.000001"), 0, 0)


def test_what_arrives_keeps_its_expiry_its_kind_and_its_price() -> None:
    giver, receiver = open_account(), open_account()
    grant(giver, 10, key="given", promotional=True, kind=Entry.Kind.PROMOTION, expires_at=SPRING)
    grant(giver, 20, key="bought", cost=ledger.Cost(1999, "usd"), expires_at=SUMMER, reference="purchase 7")
    grant(giver, 20, key="forever")

    give(giver, receiver, 15)

    lots = Lot.objects.filter(account=receiver).order_by("id")
    assert [(lot.amount, lot.promotional, lot.expires_at) for lot in lots] == [
        (10, True, SPRING),
        (5, False, SUMMER),
    ]
    assert [(lot.cost_minor, lot.cost_credits, lot.currency) for lot in lots] == [
        (None, None, ""),
        (1999, 20, "usd"),
    ]
    assert [lot.reference for lot in lots] == ["", ""]
    assert left(giver) == [0, 15, 20]


def test_a_gift_repays_what_its_receiver_owes_first() -> None:
    giver, receiver = open_account(), funded(10)
    grant(giver, 10, key="a", expires_at=SPRING)
    grant(giver, 10, key="b")
    hold(receiver, 10, overrun="debt").capture(Decimal(22), key="work")
    give(giver, receiver, 20)
    assert numbers(receiver) == (8, 0, 0)
    assert left(receiver) == [0, 0, 8]
    assert Entry.objects.get(account=receiver, kind="offset").owed == -12


def test_what_is_held_or_expired_is_not_given() -> None:
    giver, receiver = open_account(), open_account()
    let_lot_expire(grant(giver, 10, key="gone").lot_id)
    grant(giver, 10, key="here")
    hold(giver, 4)
    with pytest.raises(InsufficientCredits) as refusal:
        give(giver, receiver, 7)
    assert refusal.value.params["missing"] == 1
    assert numbers(receiver) == (0, 0, 0)
    give(giver, receiver, 6)


def test_a_gift_to_oneself_to_nobody_or_from_nobody_is_refused() -> None:
    somebody, nobody = funded(10), Account(id=uuid.uuid4())
    with pytest.raises(InvalidEntry) as refusal:
        give(somebody, somebody, 1)
    assert refusal.value.params == {"field": "to"}
    for giver, receiver in ((somebody, nobody), (nobody, somebody)):
        with pytest.raises(UnknownAccount) as unknown:
            give(giver, receiver, 1)
        assert unknown.value.params == {"account": str(nobody.pk)}


@pytest.mark.parametrize("amount", ["NaN", "0", "-1", "1.0000001", "1E+30"])
def test_a_gift_of_no_valid_amount_is_refused(amount: str) -> None:
    with pytest.raises(InvalidAmount):
        give(funded(10), open_account(), amount)


def test_large_and_small_amounts_arrive_exactly() -> None:
    giver, receiver = funded("999999999999999999.999999"), open_account()
    give(giver, receiver, "123456789012345678.900001")
    assert numbers(receiver) == (Decimal("123456789012345678.900001"), 0, 0)
    assert give(giver, receiver, "0.000001", key="gift:2").balance_after == Decimal(
        "876543210987654321.099997"
    )


def test_a_repeated_gift_arrives_once() -> None:
    giver, receiver = funded(10), open_account()
    first = give(giver, receiver, 6)
    spend(giver, 4)
    again = give(giver, receiver, 6)
    assert again == Transfer(
        first.sent_entry_id, first.received_entry_id, Decimal(6), Decimal(4), repeated=True
    )
    assert (numbers(giver), numbers(receiver)) == ((0, 0, 0), (6, 0, 0))


@pytest.mark.parametrize(
    "other",
    [{"amount": 5}, {"reference": "r"}, {"metadata": {"a": 1}}, {"key": "funds"}, {"receiver": None}],
    ids=str,
)
def test_a_key_that_stands_for_something_else_is_a_conflict(other: dict[str, Any]) -> None:
    giver, receiver = funded(100), open_account()
    arguments: dict[str, Any] = {"receiver": receiver, "amount": 6}
    give(giver, **arguments)
    if "receiver" in other:
        other = {"receiver": open_account()}
    with pytest.raises(KeyConflict):
        give(giver, **{**arguments, **other})
    assert (numbers(giver), numbers(receiver)) == ((94, 0, 0), (6, 0, 0))


def test_a_gift_given_back_is_another_gift() -> None:
    one, other = funded(10, expires_at=soon(days=2)), open_account()
    give(one, other, 10)
    give(other, one, 10)
    assert (numbers(one), numbers(other)) == ((10, 0, 0), (0, 0, 0))
    assert Entry.objects.filter(kind__in=["gift_sent", "gift_received"]).count() == 4


def test_nothing_is_given_to_a_closed_account() -> None:
    giver, closed = funded(10), open_account()
    ledger.close(closed.pk)
    with pytest.raises(AccountClosed):
        give(giver, closed, 1)
    assert numbers(giver) == (10, 0, 0)
