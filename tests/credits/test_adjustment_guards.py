"""The database's half of each rule of adjustments: what goes around the code is refused, and by which guard."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import F

from accounts.audit.models import AuditEntry
from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account, Entry
from tests.credits.adjusting import ask, ask_above_limit, make_staff
from tests.credits.builders import funded, grant, soon

pytestmark = pytest.mark.django_db

BOOKED = {"status": "booked", "decided_at": soon()}


@pytest.fixture
def account() -> Account:
    return funded(100)


@pytest.fixture
def waiting(account: Account) -> Adjustment:
    return ask_above_limit(account, 5000)


def refused_by(change: Any) -> str:
    """The name of the guard that refuses it."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        change()
    assert isinstance(refusal.value.__cause__, psycopg.Error)
    return str(refusal.value.__cause__.diag.constraint_name)


def update(adjustment: Adjustment, **values: Any) -> str:
    return refused_by(lambda: Adjustment.objects.filter(pk=adjustment.pk).update(**values))


def insert(account: Account, **values: Any) -> str:
    row = {"account": account, "amount": 5, "reason": "Why", "key": "k", "needs_approval": False, **values}
    return refused_by(lambda: Adjustment.objects.create(**row))


def booked_entry(account: Account) -> int:
    """An entry as an approval of 5,000 books it."""
    return grant(account, 5000, key="by hand", kind=Entry.Kind.ADJUSTMENT).entry_id


def test_a_decision_by_hand_that_keeps_every_rule_is_accepted(account: Account, waiting: Adjustment) -> None:
    """Otherwise the refusals below could have another cause than the one thing that is wrong."""
    values = {**BOOKED, "decided_by": make_staff(), "entry_id": booked_entry(account)}
    assert Adjustment.objects.filter(pk=waiting.pk).update(**values) == 1


def test_who_asked_is_no_second_person(account: Account, waiting: Adjustment) -> None:
    guard = "credits_adjustment_approved_by_a_second_person"
    entry = booked_entry(account)
    assert update(waiting, **BOOKED, entry_id=entry, decided_by=F("asked_by")) == guard
    assert update(waiting, **BOOKED, entry_id=entry, decided_by=None) == guard


def test_without_knowing_who_asked_nobody_is_a_second_person(account: Account) -> None:
    values = {**BOOKED, "needs_approval": True, "amount": 5000, "decided_by": make_staff()}
    guard = insert(account, **values, entry_id=booked_entry(account))
    assert guard == "credits_adjustment_approved_by_a_second_person"


def test_booked_is_what_has_an_entry_and_nothing_else(account: Account, waiting: Adjustment) -> None:
    guard = "credits_adjustment_booked_has_an_entry"
    decided = {"decided_at": soon(), "decided_by": make_staff()}
    entry = booked_entry(account)
    assert update(waiting, status="booked", **decided) == guard
    assert update(waiting, entry_id=entry) == guard
    assert update(waiting, status="declined", **decided, entry_id=entry) == guard
    assert update(waiting, status="declined", decided_at=soon()) == guard
    assert update(waiting, **decided) == guard
    assert update(waiting, status="approved", **decided) == guard


def test_what_is_booked_is_what_was_asked_for(account: Account, waiting: Adjustment) -> None:
    decided = {**BOOKED, "decided_by": make_staff()}
    others = [
        grant(account, 5001, key="1", kind=Entry.Kind.ADJUSTMENT),
        grant(account, 5000, key="2", kind=Entry.Kind.PROMOTION),
        grant(funded(1), 5000, key="3", kind=Entry.Kind.ADJUSTMENT),
    ]
    for other in others:
        guard = update(waiting, **decided, entry_id=other.entry_id)
        assert guard == "credits_adjustment_equals_its_entry"


def test_an_entry_books_one_adjustment(account: Account) -> None:
    first = ask(account, 5)
    second = insert(account, **BOOKED, entry=first.entry)
    assert second == "credits_adjustment_entry_id_key"


@pytest.mark.parametrize("decide", [adjustments.approve, adjustments.decline])
def test_what_was_decided_stays_so(waiting: Adjustment, decide: Any) -> None:
    decide(waiting.pk, make_staff())
    undecided = {"status": "waiting", "decided_at": None, "decided_by": None, "entry": None}
    assert update(waiting, **undecided) == "credits_adjustment_decided_once"
    assert update(waiting, decided_by=make_staff()) == "credits_adjustment_decided_once"


def test_one_adjustment_per_key(account: Account, waiting: Adjustment) -> None:
    assert insert(account, key=waiting.key) == "credits_adjustment_one_per_key"


@pytest.mark.parametrize("wrong", [{"amount": 0}, {"reason": ""}, {"key": ""}])
def test_an_adjustment_has_an_amount_a_reason_and_a_key(account: Account, wrong: dict[str, Any]) -> None:
    assert insert(account, **wrong) == "credits_adjustment_has_an_amount_a_reason_and_a_key"


@pytest.mark.parametrize("wrong", [{"promotional": True}, {"expires_at": soon(days=1)}])
def test_what_is_taken_has_no_terms_of_a_grant(account: Account, wrong: dict[str, Any]) -> None:
    assert insert(account, amount=-5, **wrong) == "credits_adjustment_only_grants_have_terms"


@pytest.mark.parametrize(
    "column", ["amount", "reason", "reference", "expires_at", "key", "needs_approval", "asked_by", "asked_at"]
)
def test_what_was_asked_for_never_changes(waiting: Adjustment, column: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="Cannot update rows from credits_adjustment table"),
        transaction.atomic(),
    ):
        Adjustment.objects.filter(pk=waiting.pk).update(**{column: F(column)})


@pytest.mark.parametrize("change", ["DELETE FROM credits_adjustment", "TRUNCATE credits_adjustment CASCADE"])
def test_an_adjustment_is_never_deleted(waiting: Adjustment, change: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE"
        )  # what is still to be checked keeps a table from TRUNCATE
        with pytest.raises(ProgrammingError, match=r"Cannot (delete|truncate)"), transaction.atomic():
            cursor.execute(change)


def test_each_change_stands_in_the_audit_history(waiting: Adjustment) -> None:
    adjustments.approve(waiting.pk, make_staff())
    entries = AuditEntry.objects.filter(kind="credits.adjustment", object_id=str(waiting.pk)).order_by("id")
    assert [(entry.act, (entry.after or {})["status"]) for entry in entries] == [
        ("created", "waiting"),
        ("changed", "booked"),
    ]
