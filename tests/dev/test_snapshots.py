"""A start that is put back is the one that was made: our rows, those of the sandbox, and what still works on them."""

from __future__ import annotations

import pytest

from billing.purchases.models import Purchase
from credits.ledger.models import Account
from credits.proof.checking import find_violations
from tests.billing.reporting import deliver
from tests.returns.asking import refund
from tests.returns.selling import open_and_sell
from tests.support import snapshots
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.support.snapshots import once

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_a_test_changed_and_added_is_as_it_was(sandbox: Sandbox) -> None:
    made = once("a paid purchase", sandbox, lambda: open_and_sell(sandbox))
    before = our_rows(), at_the_sandbox(sandbox)
    refund(made, 4500)
    UserFactory.create()

    sandbox.post("/_sandbox/reset")
    again = once("a paid purchase", sandbox, never)

    assert again == made
    assert (our_rows(), at_the_sandbox(sandbox)) == before
    assert list(find_violations()) == []
    refund(again, 4500)
    assert set(deliver(sandbox)) == {200}
    assert Purchase.objects.get().status == Purchase.Status.REFUNDED
    assert Account.objects.get().balance == 0


def our_rows() -> dict[str, list[bytes]]:
    """Return every table's rows, sorted: where an update has put a row in the table doesn't matter."""
    return {table: sorted(rows.splitlines()) for table, rows in snapshots._our_rows().items()}


def at_the_sandbox(sandbox: Sandbox) -> tuple[list[tuple[str, int]], list[str]]:
    """Return charges with what was refunded, and events; without the booking of a charge, which time alone adds."""
    charges = [(charge["id"], charge["amount_refunded"]) for charge in sandbox.objects("charge")]
    events = [event["id"] for event in sandbox.objects("event") if event["type"] != "charge.updated"]
    return charges, events


def never() -> Purchase:
    raise AssertionError("it was made before")
