"""Holds over HTTP: hold, capture, release."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from credits.ledger.models import Account, Hold
from tests.credits_api.calling import API, Service, books


def hold(service: Service, account: Account, amount: Any = 20, key: str | None = None, **fields: Any) -> Any:
    body = {"account": str(account.pk), "amount": amount, "expires_in": 600, **fields}
    return service.post("holds", body, key=key)


def test_a_hold_sets_credits_aside(service: Service, account: Account) -> None:
    answer = hold(service, account, "20.5", reference="r", metadata={"a": 1})
    made = Hold.objects.get()

    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(made.pk),
        "account": str(account.pk),
        "amount": "20.5",
        "expires_at": answer.json()["expires_at"],
        "overrun": "refuse",
        "reference": "r",
        "balance": "100",
        "available": "79.5",
        "held": "20.5",
    }
    lasts = datetime.fromisoformat(answer.json()["expires_at"]) - timezone.now()
    assert timedelta(seconds=570) < lasts <= timedelta(seconds=600)
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("100", "79.5")
    assert service.spend(account, 80).status_code == 402


def test_a_hold_that_says_no_end_lasts_an_hour_and_says_so(service: Service, account: Account) -> None:
    body = {"account": str(account.pk), "amount": 20}
    answer, again = service.post("holds", body, key="h"), service.post("holds", body, key="h")

    assert (answer.status_code, again.status_code, Hold.objects.count()) == (201, 201, 1)
    lasts = datetime.fromisoformat(answer.json()["expires_at"]) - timezone.now()
    assert timedelta(minutes=58) < lasts <= timedelta(hours=1)
    for wrong in (0, None, "600"):
        assert service.post("holds", {**body, "expires_in": wrong}).status_code == 400


def test_a_hold_is_made_once_per_key(service: Service, account: Account) -> None:
    first, again = hold(service, account, key="h"), hold(service, account, key="h")
    other = hold(service, account, 21, key="h")

    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")
    assert (other.status_code, other.json()["code"]) == (409, "key_conflict")
    assert Hold.objects.count() == 1


def test_a_hold_lasts_between_a_second_and_thirty_days(service: Service, account: Account) -> None:
    for seconds in (0, -1, 2592001, 1.5, "60", None, 10**30):
        answer = hold(service, account, expires_in=seconds)
        assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "expires_in"), seconds
    for policy in ("", "owe", 1):
        assert hold(service, account, overrun=policy).json()["errors"][0]["attr"] == "overrun"
    assert hold(service, account, expires_in=2592000).status_code == 201


def test_too_large_a_hold_says_what_is_missing(service: Service, account: Account) -> None:
    answer = hold(service, account, 101)

    assert (answer.status_code, answer.json()["missing"], answer.json()["available"]) == (402, "1", "100")


def test_a_capture_charges_and_gives_back_the_rest(service: Service, account: Account) -> None:
    made = hold(service, account, reference="job").json()
    path = f"holds/{made['id']}/capture"
    answer = service.post(path, {"amount": "12.5"}, key="c")
    again = service.post(path, {"amount": "12.5"}, key="c")
    other = service.post(path, {"amount": "12"}, key="c")

    assert answer.status_code == 201
    assert answer.json() == {
        "id": answer.json()["id"],
        "hold": made["id"],
        "account": str(account.pk),
        "amount": "12.5",
        "balance_after": "87.5",
        "available": "87.5",
        "held": "0",
        "hold_remaining": "0",
    }
    assert (again.content, again["Idempotent-Replayed"]) == (answer.content, "true")
    assert (other.status_code, other.json()["code"]) == (409, "key_conflict")
    assert books(account) == (Decimal("87.5"), 1)


def test_partial_captures_keep_the_rest_held(service: Service, account: Account) -> None:
    path = f"holds/{hold(service, account).json()['id']}/capture"
    first = service.post(path, {"amount": 5, "close": False}).json()
    second = service.post(path, {"amount": 10, "close": False}).json()

    assert (first["hold_remaining"], second["hold_remaining"], second["available"]) == ("15", "5", "80")


def test_a_surplus_is_refused_or_owed_as_the_hold_says(service: Service, account: Account) -> None:
    refusing = hold(service, account, 20).json()["id"]
    answer = service.post(f"holds/{refusing}/capture", {"amount": 101})
    assert (answer.status_code, answer.json()["missing"], answer.json()["available"]) == (402, "1", "80")
    assert service.get(f"holds/{refusing}").json()["status"] == "open"
    service.post(f"holds/{refusing}/release")

    owing = hold(service, account, 20, overrun="debt").json()["id"]
    answer = service.post(f"holds/{owing}/capture", {"amount": 101})
    assert (answer.status_code, answer.json()["balance_after"]) == (201, "-1")


def test_a_release_gives_back_and_repeats_its_answer(service: Service, account: Account) -> None:
    made = hold(service, account, reference="r", metadata={"a": 0.5}).json()
    service.post(f"holds/{made['id']}/capture", {"amount": 5, "close": False})
    answer = service.post(f"holds/{made['id']}/release")
    again = service.post(f"holds/{made['id']}/release", {})

    state = answer.json()
    assert answer.status_code == 200
    assert (state["status"], state["captured"], state["remaining"]) == ("released", "5", "0")
    assert (state["reference"], state["metadata"], state["overrun"]) == ("r", {"a": 0.5}, "refuse")
    assert state["closed_at"].endswith("Z")
    assert (again.content, again["Idempotent-Replayed"]) == (answer.content, "true")
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("95", "95")


def test_a_release_needs_no_body(service: Service, account: Account) -> None:
    made = hold(service, account).json()
    headers = {**service.headers(), "Idempotency-Key": "r"}
    answer = service.http.generic("POST", f"{API}holds/{made['id']}/release", headers=headers)

    assert (answer.status_code, answer.json()["status"]) == (200, "released")


def test_a_hold_can_be_read(service: Service, account: Account) -> None:
    made = hold(service, account).json()
    state = service.get(f"holds/{made['id']}").json()

    assert (state["status"], state["remaining"], state["captured"]) == ("open", "20", "0")
    assert "closed_at" not in state


def test_a_closed_hold_can_neither_be_captured_nor_released(service: Service, account: Account) -> None:
    made = hold(service, account).json()["id"]
    service.post(f"holds/{made}/capture", {"amount": 20})
    for what, body in (("capture", {"amount": 1}), ("release", None)):
        answer = service.post(f"holds/{made}/{what}", body)
        assert (answer.status_code, answer.json()["code"]) == (409, "hold_closed")


def test_a_hold_that_is_none_is_unknown(service: Service, account: Account) -> None:
    for unknown in (uuid.uuid4(), "x", "1"):
        answers = [service.post(f"holds/{unknown}/capture", {"amount": 1})]
        answers += [service.post(f"holds/{unknown}/release"), service.get(f"holds/{unknown}")]
        assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "unknown_hold")] * 3


def test_two_overrun_captures_of_nearly_all_there_can_be_are_a_refusal(
    service: Service, account: Account
) -> None:
    body = {"account": str(account.pk), "amount": "1", "expires_in": 60, "overrun": "debt"}
    held = service.post("holds", body).json()["id"]
    most = {"amount": "999999999999999999", "close": False}
    assert service.post(f"holds/{held}/capture", most, key="one").status_code == 201
    refused = service.post(f"holds/{held}/capture", most, key="two")

    assert (refused.status_code, refused.json()["code"]) == (409, "sum_too_large")
    assert "below 10^18 credits" in refused.json()["detail"]
    assert books(account) == (Decimal(100) - Decimal(999999999999999999), 1)
    assert service.post(f"holds/{held}/capture", most, key="one").status_code == 201
