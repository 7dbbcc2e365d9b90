"""POST spends: one spend, once per key."""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.clients.api_keys import create_key
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from tests.credits.builders import grant, open_account
from tests.credits_api.calling import Service, books
from tests.support.api_clients import make_client


def test_a_spend_answers_what_is_in_the_books(service: Service, account: Account) -> None:
    answer = service.spend(account, "2.5", reference="job 1", metadata={"n": 1})
    entry = Entry.objects.get(kind="spend")

    assert answer.status_code == 201
    assert answer.json() == {
        "id": entry.pk,
        "account": str(account.pk),
        "amount": "2.5",
        "balance_after": "97.5",
        "available": "97.5",
        "held": "0",
        "reference": "job 1",
    }
    assert (entry.amount, entry.reference, entry.metadata) == (Decimal("-2.5"), "job 1", {"n": 1})
    assert answer["Content-Type"] == "application/json"
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("97.5", "97.5")
    assert "Idempotent-Replayed" not in answer


def test_the_address_answers_with_a_slash_too(service: Service, account: Account) -> None:
    assert service.post("spends/", {"account": str(account.pk), "amount": 1}).status_code == 201


def test_held_credits_are_not_available(service: Service, account: Account) -> None:
    ledger.hold(account.pk, Decimal(30), key="h", expires_in=timedelta(hours=1))
    answer = service.spend(account, "2.5")

    assert (answer.json()["available"], answer.json()["held"]) == ("67.5", "30")
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("97.5", "67.5")


# --- Once per key -------------------------------------------------------------------------------------------------


def test_a_repeat_gives_the_first_answer_and_takes_nothing(service: Service, account: Account) -> None:
    first = service.spend(account, "2.5", key="job-1", reference="a")
    again = service.spend(account, "2.5", key="job-1", reference="a")

    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert books(account) == (Decimal("97.5"), 1)


def test_the_same_amount_written_otherwise_is_the_same(service: Service, account: Account) -> None:
    service.spend(account, "2.5", key="job-1")
    for text in ("2.50", 2.5, "2.500000"):
        assert service.spend(account, text, key="job-1")["Idempotent-Replayed"] == "true"


def test_a_repeat_says_how_the_account_stands_now(service: Service, account: Account) -> None:
    service.spend(account, 10, key="first")
    service.spend(account, 20, key="second")
    again = service.spend(account, 10, key="first")

    assert (again.json()["balance_after"], again.json()["available"]) == ("90", "70")
    assert (again["Credits-Balance"], again["Credits-Available"]) == ("70", "70")


def test_the_same_key_for_something_else_is_a_conflict(service: Service, account: Account) -> None:
    service.spend(account, "2.5", key="job-1")
    for other in (
        {"amount": "2.6"},
        {"amount": "2.5", "reference": "x"},
        {"amount": "2.5", "metadata": {"n": 2}},
    ):
        answer = service.post("spends", {"account": str(account.pk), **other}, key="job-1")
        assert (answer.status_code, answer.json()["code"]) == (409, "key_conflict")
    assert books(account) == (Decimal("97.5"), 1)


def test_two_services_may_use_the_same_key(service: Service, account: Account) -> None:
    other = Service(create_key(make_client(name="Other", oidc_client_id=None), name="k").secret)
    service.spend(account, 1, key="job-1")
    answer = other.spend(account, 1, key="job-1")

    assert "Idempotent-Replayed" not in answer
    assert books(account) == (Decimal(98), 2)


def test_a_service_can_use_up_no_key_of_ours(service: Service, account: Account) -> None:
    service.spend(account, 1, key="purchase:1")
    grant(account, 5, key="purchase:1")

    assert books(account)[0] == Decimal(104)


def test_a_write_needs_a_key(service: Service, account: Account) -> None:
    for path in ("spends", "spends/batch", "holds", f"holds/{uuid.uuid4()}/capture", "transfers"):
        answer = service.post(path, {"account": str(account.pk), "amount": 1}, key="")
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_a_key_is_printable_and_short(service: Service, account: Account) -> None:
    for key in ("k" * 161, "é", "a\tb"):
        answer = service.spend(account, 1, key=key)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")
    assert service.spend(account, 1, key="k" * 160).status_code == 201


# --- Refused ------------------------------------------------------------------------------------------------------


def test_short_of_credits_says_what_is_missing_and_where_to_buy(service: Service, account: Account) -> None:
    answer = service.spend(account, "100.5")

    assert answer.status_code == 402
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Payment Required",
        "status": 402,
        "code": "insufficient_credits",
        "detail": "0.5 more credits are needed.",
        "account": str(account.pk),
        "missing": "0.5",
        "available": "100",
        "buy_url": "http://testserver/credits/",
    }
    assert (answer["Credits-Balance"], answer["Credits-Available"]) == ("100", "100")
    assert books(account) == (Decimal(100), 0)


def test_what_has_expired_is_not_available(service: Service) -> None:
    account = open_account()
    grant(account, 10, key="a")
    grant(account, 5, key="b", expires_at=timezone.now() - timedelta(seconds=1))
    answer = service.spend(account, 12)

    assert (answer.json()["missing"], answer.json()["available"]) == ("2", "10")


def test_an_account_that_is_none_is_unknown(service: Service, account: Account) -> None:
    for unknown in (uuid.uuid4(), account.owner_id):
        answer = service.post("spends", {"account": str(unknown), "amount": 1})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_account")


def test_a_field_that_is_wrong_is_named(service: Service, account: Account) -> None:
    good = {"account": str(account.pk), "amount": 1}
    for body, attr, code in (
        ({"amount": 1}, "account", "required"),
        ({**good, "account": "x"}, "account", "invalid"),
        ({**good, "refrence": "x"}, "refrence", "unknown_field"),
        ({**good, "reference": "x" * 201}, "reference", "invalid"),
        ({**good, "reference": "a\x00b"}, "reference", "invalid_entry"),
        ({**good, "metadata": []}, "metadata", "invalid"),
        ({**good, "metadata": {"a": "x" * 10_001}}, "metadata", "invalid_entry"),
        ({**good, "member": "x"}, "member", "invalid"),
        ([], "body", "invalid"),
    ):
        answer = service.post("spends", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), body
        assert [(one["attr"], one["code"]) for one in answer.json()["errors"]] == [(attr, code)]


def test_a_body_that_is_no_json_is_refused_as_such(service: Service, account: Account) -> None:
    nested = ['{"metadata":' + '{"a":' * deep + "1" + "}" * (deep + 1) for deep in (100, 5000, 100_000)]
    for body in ("{", '{"account": NaN}', *nested, '{"reference": "\\ud800"}'):
        answer = service.post("spends", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error"), body[:20]


def test_what_is_meant_is_never_nested_too_deep(service: Service, account: Account) -> None:
    deep: dict[str, Any] = {"a": "[{" * 200}
    for _ in range(97):
        deep = {"a": deep}
    assert service.spend(account, 1, metadata=deep).status_code == 201
    assert service.spend(account, 1, key="k2", metadata={"a": [[]] * 200}).status_code == 201


def test_a_body_is_sent_as_json(service: Service, account: Account) -> None:
    headers = {**service.headers(), "Idempotency-Key": "k"}
    answer = service.http.post("/api/v1/credits/spends", {"amount": 1}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_body_beyond_all_measure_is_not_read(service: Service, account: Account) -> None:
    answer = service.spend(account, 1, metadata={"a": "x" * 3_000_000})

    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


def test_other_methods_and_addresses_are_problems_too(service: Service, account: Account) -> None:
    wrong = service.get("spends")
    nowhere = [service.get(path) for path in ("", "nothing", "spends/1", "accounts/1/balance/2")]

    assert (wrong.status_code, wrong.json()["code"], wrong["Allow"]) == (405, "method_not_allowed", "POST")
    for answer in nowhere:
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer["Content-Type"] == "application/problem+json"
