"""A spend or a capture may say what was used; the rate card says what it costs, and the entry keeps the price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from credits.ledger.models import Account, Entry
from tests.credits_api.calling import Service, books
from tests.rates.builders import add_markup, add_rate

USAGE = {"model": "chat", "usage": {"input_tokens": 1200, "output_tokens": 350}}
COST = "1.0925"  # (1.2 x 0.5 + 0.35 x 1) + 15 %


@pytest.fixture(autouse=True)
def _card(db: None) -> None:
    add_markup(Decimal(15))
    add_rate("acme", "chat", "input_tokens", Decimal("0.5"), 1000)
    add_rate("acme", "chat", "output_tokens", Decimal(1), 1000)
    add_rate("acme", "free", "requests", Decimal(0))


def spend(service: Service, account: Account, key: str | None = None, **fields: Any) -> Any:
    return service.post("spends", {"account": str(account.pk), **USAGE, **fields}, key=key)


def test_a_usage_is_priced_and_its_price_kept(service: Service, account: Account) -> None:
    answer = spend(service, account, metadata={"n": 1})
    entry = Entry.objects.get(kind="spend")

    assert (answer.status_code, answer.json()["amount"]) == (201, COST)
    assert entry.amount == -Decimal(COST)
    assert entry.metadata["n"] == 1
    assert entry.metadata["usage"] == {
        "model": "chat",
        "quantities": {"input_tokens": "1200", "output_tokens": "350"},
    }
    assert entry.metadata["price"]["amount"] == COST
    assert entry.metadata["price"]["markup"]["percent"] == "15"


def test_a_repeat_after_the_price_has_changed_is_still_a_repeat(service: Service, account: Account) -> None:
    first = spend(service, account, key="job")
    add_rate("acme", "chat", "input_tokens", Decimal(50), 1000)
    dearer = spend(service, account, key="job")
    add_rate("acme", "chat", "input_tokens", None)
    gone = spend(service, account, key="job")

    for again in (dearer, gone):
        assert (again.status_code, again.content) == (201, first.content)
        assert again["Idempotent-Replayed"] == "true"
    assert books(account) == (100 - Decimal(COST), 1)


def test_another_usage_under_the_same_key_is_a_conflict(service: Service, account: Account) -> None:
    spend(service, account, key="job")
    for other in (
        {"usage": {"input_tokens": 1200, "output_tokens": 351}},
        {"metadata": {"n": 2}},
        {"reference": "x"},
    ):
        answer = spend(service, account, key="job", **other)
        assert (answer.status_code, answer.json()["code"]) == (409, "key_conflict")
    answer = service.spend(account, COST, key="job")
    assert (answer.status_code, answer.json()["code"]) == (409, "key_conflict")


def test_a_capture_may_be_of_a_usage_and_repeats_too(service: Service, account: Account) -> None:
    body = {"account": str(account.pk), "amount": 20, "expires_in": 60}
    path = f"holds/{service.post('holds', body).json()['id']}/capture"
    first = service.post(path, USAGE, key="c")
    add_rate("acme", "chat", "input_tokens", Decimal(50), 1000)
    again = service.post(path, USAGE, key="c")

    assert (first.status_code, first.json()["amount"], first.json()["hold_remaining"]) == (201, COST, "0")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert service.post(path, USAGE, key="other").json()["code"] == "hold_closed"
    assert service.post(path, {**USAGE, "metadata": {"n": 1}}, key="c").json()["code"] == "key_conflict"


@pytest.mark.parametrize("change", ["dearer", "off the card", "marked up"])
def test_work_costs_what_it_cost_when_its_credits_were_set_aside(
    service: Service, account: Account, change: str
) -> None:
    body = {"account": str(account.pk), "amount": 20, "expires_in": 60}
    capture = f"holds/{service.post('holds', body).json()['id']}/capture"
    match change:
        case "dearer":
            add_rate("acme", "chat", "input_tokens", Decimal(5), 1000)
        case "off the card":
            add_rate("acme", "chat", "input_tokens", None)
            add_rate("acme", "chat", "output_tokens", None)
        case "marked up":
            add_markup(Decimal(900))
    part = service.post(capture, {**USAGE, "close": False})
    rest = service.post(capture, USAGE)

    assert [(answer.status_code, answer.json()["amount"]) for answer in (part, rest)] == [(201, COST)] * 2
    assert (spend(service, account).json().get("amount") == COST) is False  # a spend costs what it costs now


def test_a_model_that_came_onto_the_card_after_the_hold_has_no_price_in_it(
    service: Service, account: Account
) -> None:
    body = {"account": str(account.pk), "amount": 20, "expires_in": 60}
    hold = f"holds/{service.post('holds', body).json()['id']}"
    add_rate("acme", "new", "requests", Decimal(1))
    answer = service.post(f"{hold}/capture", {"model": "new", "usage": {"requests": 1}})

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_model")
    assert service.get(hold).json()["status"] == "open"


@pytest.mark.parametrize("quantity", [0.1, "1200.5", -1, "NaN", 1e30, True, None])
def test_a_quantity_is_exact_and_possible(service: Service, account: Account, quantity: Any) -> None:
    answer = spend(service, account, usage={"input_tokens": quantity})

    assert answer.status_code == 400
    assert answer.json()["code"] in {"invalid_usage", "invalid_request"}
    assert answer.json()["errors"][0]["attr"].startswith("usage")


def test_a_usage_that_cannot_be_priced_is_refused(service: Service, account: Account) -> None:
    for body, status, code in (
        ({"model": "chta"}, 404, "unknown_model"),
        ({"usage": {"images": 1}}, 400, "unknown_unit"),
        ({"usage": {}}, 400, "invalid_usage"),
        ({"model": "free", "usage": {"requests": 1}}, 400, "invalid_usage"),
        ({"metadata": {"price": 1}}, 400, "invalid_request"),
    ):
        answer = spend(service, account, **body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), body


def test_a_charge_is_an_amount_or_a_usage_and_never_both(service: Service, account: Account) -> None:
    named = {"account": str(account.pk)}
    for body, attr in (
        (named, "amount"),
        ({**named, **USAGE, "amount": 1}, "usage"),
        ({**named, "amount": 1, "model": "chat"}, "usage"),
        ({**named, "model": "chat"}, "amount"),
        ({**named, "usage": {"requests": 1}}, "model"),
    ):
        answer = service.post("spends", body)
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, attr)
    assert books(account) == (Decimal(100), 0)
