"""POST spends/batch: many at once, each as if sent by itself."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from credits.ledger.models import Account, Entry
from tests.credits.builders import grant, open_account
from tests.credits_api.calling import Service, books


def item(account: Account, amount: Any, key: str, **fields: Any) -> dict[str, Any]:
    return {"account": str(account.pk), "amount": amount, "key": key, **fields}


def results(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_each_item_gets_its_own_result_in_order(service: Service, account: Account) -> None:
    poor = open_account()
    grant(poor, 1)
    nobody = Account(pk=uuid.uuid4())
    items = [
        item(account, "2.5", "a", reference="r", metadata={"n": 1}),
        item(poor, 3, "b"),
        item(nobody, 1, "c"),
        item(account, "2.50", "a", reference="r", metadata={"n": 1}),
        item(account, 4, "a"),
        item(account, 1, "d"),
    ]
    found = results(service.post("spends/batch", {"spends": items}))
    first, last = Entry.objects.filter(kind="spend").order_by("version")

    assert [one["status"] for one in found] == [
        "done",
        "insufficient",
        "unknown_account",
        "repeated",
        "conflict",
        "done",
    ]
    assert found[0] == {
        "status": "done",
        "account": str(account.pk),
        "key": "a",
        "amount": "2.5",
        "id": first.pk,
        "balance_after": "97.5",
    }
    assert found[1] == {
        "status": "insufficient",
        "account": str(poor.pk),
        "key": "b",
        "amount": "3",
        "missing": "2",
    }
    assert found[2] == {"status": "unknown_account", "account": str(nobody.pk), "key": "c", "amount": "1"}
    assert found[3] == {**found[0], "status": "repeated"}
    assert (found[5]["id"], found[5]["balance_after"]) == (last.pk, "96.5")
    assert (first.reference, first.metadata) == ("r", {"n": 1})
    assert books(poor) == (Decimal(1), 0)


def test_a_batch_sent_again_repeats_each_item_under_whatever_header(
    service: Service, account: Account
) -> None:
    items = [item(account, 1, str(number)) for number in range(3)]
    once = results(service.post("spends/batch", {"spends": items}, key="batch"))
    again = results(service.post("spends/batch", {"spends": [*items, item(account, 1, "new")]}, key="batch"))

    assert [one["status"] for one in again] == ["repeated"] * 3 + ["done"]
    assert [one["id"] for one in again[:3]] == [one["id"] for one in once]
    assert books(account) == (Decimal(96), 4)


def test_a_single_spend_and_an_item_of_the_same_key_are_one(service: Service, account: Account) -> None:
    service.spend(account, 1, key="job-1")
    [result] = results(service.post("spends/batch", {"spends": [item(account, 1, "job-1")]}))

    assert result["status"] == "repeated"
    assert books(account) == (Decimal(99), 1)


def test_a_thousand_at_once_and_no_more(service: Service, account: Account) -> None:
    items = [item(account, "0.01", str(number)) for number in range(1001)]
    too_many = service.post("spends/batch", {"spends": items})
    done = results(service.post("spends/batch", {"spends": items[:1000]}))

    assert (too_many.status_code, too_many.json()["errors"][0]["attr"]) == (400, "spends")
    assert len(done) == 1000
    assert books(account) == (Decimal(90), 1000)


def test_an_item_that_can_be_no_spend_refuses_the_batch_by_its_place(
    service: Service, account: Account
) -> None:
    for wrong, attr in (
        ({"metadata": {"a": "\x00"}}, "spends.1.metadata"),
        ({"key": ""}, "spends.1.key"),
        ({"key": "k" * 161}, "spends.1.key"),
        ({"account": 5}, "spends.1.account"),
        ({"amount": None}, "spends.1.amount"),
        ({"more": 1}, "spends.1.more"),
    ):
        items = [item(account, 1, "a"), {**item(account, 1, "b"), **wrong}]
        answer = service.post("spends/batch", {"spends": items})
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)
    assert service.post("spends/batch", {"spends": []}).json()["errors"][0]["attr"] == "spends"
    assert books(account) == (Decimal(100), 0)
