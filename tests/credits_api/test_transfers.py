"""POST transfers: from one account to another."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from credits.ledger.models import Account, Entry
from credits.ledger.operations import Cost
from tests.credits.builders import grant, open_account
from tests.credits_api.calling import Service, books


def give(service: Service, giver: Any, to: Any, amount: Any = 5, key: str | None = None, **more: Any) -> Any:
    body = {"from": str(giver), "to": str(to), "amount": amount, **more}
    return service.post("transfers", body, key=key)


def test_a_transfer_is_an_entry_in_each_account(service: Service, account: Account) -> None:
    other = open_account()
    answer = give(service, account.pk, other.pk, "5.5", reference="r", message="Thanks!")
    sent, received = Entry.objects.filter(kind__startswith="gift").order_by("amount")

    assert answer.status_code == 201
    assert answer.json() == {
        "id": sent.pk,
        "received_id": received.pk,
        "from": str(account.pk),
        "to": str(other.pk),
        "amount": "5.5",
        "balance_after": "94.5",
        "reference": "r",
    }
    assert (sent.account_id, received.account_id) == (account.pk, other.pk)
    assert (received.reference, received.metadata["message"]) == ("r", "Thanks!")
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("94.5", "94.5")


def test_a_transfer_happens_once_per_key(service: Service, account: Account) -> None:
    other = open_account()
    first, again = (give(service, account.pk, other.pk, key="t") for _time in range(2))
    conflict = give(service, account.pk, other.pk, 6, key="t")

    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "key_conflict")
    assert (books(account)[0], books(other)[0]) == (Decimal(95), Decimal(5))


def test_a_transfer_that_cannot_be_is_refused(service: Service, account: Account) -> None:
    other = open_account()
    short = give(service, account.pk, other.pk, 101)
    unknown = [give(service, account.pk, uuid.uuid4()), give(service, uuid.uuid4(), other.pk)]
    to_itself = give(service, account.pk, account.pk)

    assert (short.status_code, short.json()["missing"], short.json()["available"]) == (402, "1", "100")
    assert short.json()["account"] == str(account.pk)
    assert [(one.status_code, one.json()["code"]) for one in unknown] == [(404, "unknown_account")] * 2
    assert (to_itself.status_code, to_itself.json()["errors"][0]["attr"]) == (400, "to")


def test_freshly_bought_credits_are_given_only_after_a_time_that_a_setting_gives(
    service: Service, settings: Any
) -> None:
    giver, other = open_account(), open_account()
    grant(giver, 100, cost=Cost(1000, "usd"))
    settings.GIFT_AFTER = timedelta(hours=24)
    early = give(service, giver.pk, other.pk, 100)
    settings.GIFT_AFTER = timedelta(0)
    now = give(service, giver.pk, other.pk, 100)

    assert (early.status_code, early.json()["code"]) == (409, "credits_too_fresh")
    assert (early.json()["missing"], now.status_code) == ("100", 201)


def test_a_field_that_is_missing_is_named(service: Service, account: Account) -> None:
    whole = {"from": str(account.pk), "to": str(account.pk), "amount": 1}
    for field in whole:
        answer = service.post("transfers", {name: value for name, value in whole.items() if name != field})
        assert answer.json()["errors"] == [
            {"attr": field, "code": "required", "detail": "This field is required."}
        ]
