"""Amounts are decimals, from the text of the request to the books and back. No float touches them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from credits.ledger.models import Account, Entry
from tests.credits.builders import grant
from tests.credits_api.calling import Service, books

RICH = "900000000000000000.000001"


def spend_text(service: Service, account: Account, amount: str, key: str | None = None) -> Any:
    """A spend whose amount is exactly this text of JSON."""
    return service.post("spends", f'{{"account": "{account.pk}", "amount": {amount}}}', key=key)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ('"0.3"', "0.3"),
        ("0.3", "0.3"),
        ("0.300000", "0.3"),
        ("2", "2"),
        ('"2.000000"', "2"),
        ('"0.000001"', "0.000001"),
        ("10.000001", "10.000001"),
        ('"007"', "7"),
    ],
)
def test_a_string_or_a_number_is_taken_digit_by_digit(
    service: Service, account: Account, text: str, amount: str
) -> None:
    answer = spend_text(service, account, text)

    assert (answer.status_code, answer.json()["amount"]) == (201, amount)
    assert Entry.objects.get(kind="spend").amount == -Decimal(amount)


@pytest.mark.parametrize("quote", ["", '"'])
def test_nineteen_and_more_digits_stay(service: Service, account: Account, quote: str) -> None:
    grant(account, RICH, key="rich")
    for amount in ("1234567890123.456789", "12345678901234567.123456", "100000000000000000.000001"):
        answer = spend_text(service, account, f"{quote}{amount}{quote}")

        assert answer.json()["amount"] == amount
        assert Entry.objects.latest("version").amount == -Decimal(amount)
        assert Decimal(answer.json()["balance_after"]) == books(account)[0]


@pytest.mark.parametrize(
    "text",
    [
        "0.30000000000000004",  # 0.1 + 0.2 in floats
        '"0.30000000000000004"',
        "0.0000001",
        "1e-7",
        "0",
        '"0"',
        "0.0000",
        "-0",
        "-1",
        '"-2.5"',
        "1e3",
        "1e1",
        "1.5E+1",
        "1e-6",
        "1E0",
        "1e18",
        "1000000000000000000",
        "1e30",
        "1e999999999",
        "1e9999999999999999999999",
        "1e-999999999",
        '"1e3"',
        '"NaN"',
        '"sNaN"',
        '"Infinity"',
        '"-Infinity"',
        '" 1"',
        '"1 "',
        '"1_000"',
        '"1,5"',
        '"١"',
        '"+1"',
        '".5"',
        '"5."',
        '""',
        '"abc"',
        '"1\\n"',
        "true",
        "null",
        "[]",
        "{}",
        '"' + "9" * 5000 + '"',
        "9" * 5000,
    ],
)
def test_what_is_no_amount_is_refused_by_the_fields_name(
    service: Service, account: Account, text: str
) -> None:
    for path in ("spends", "holds"):
        extra = ', "expires_in": 60' if path == "holds" else ""
        answer = service.post(path, f'{{"account": "{account.pk}", "amount": {text}{extra}}}')

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.content
        assert [(one["attr"], one["code"]) for one in answer.json()["errors"]] == [
            ("amount", "invalid_amount")
        ]
    assert books(account) == (Decimal(100), 0)


def test_an_exponent_is_refused_in_words_that_say_what_to_send(service: Service, account: Account) -> None:
    (wrong,) = spend_text(service, account, "1e3").json()["errors"]
    assert "without an exponent (1000, not 1e3)" in wrong["detail"]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "01", ".5", "5.", "+1", "1e", "0x1"])
def test_what_json_does_not_know_is_no_json(service: Service, account: Account, text: str) -> None:
    answer = spend_text(service, account, text)

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_a_wrong_amount_in_a_batch_is_named_by_its_place(service: Service, account: Account) -> None:
    items = [{"account": str(account.pk), "amount": one, "key": str(one)} for one in ("1", "0.0000001")]
    answer = service.post("spends/batch", {"spends": items})

    assert answer.json()["errors"][0]["attr"] == "spends.1.amount"
    assert books(account) == (Decimal(100), 0)


def test_a_number_in_the_metadata_stays_the_number_or_is_refused(service: Service, account: Account) -> None:
    kept = '{"a": 0.1, "b": 1e2, "c": 12345678901234567890, "d": 0.30000000000000004}'
    body = '{"account": "%s", "amount": 1, "metadata": %s}'
    assert service.post("spends", body % (account.pk, kept)).status_code == 201
    lost = service.post("spends", body % (account.pk, '{"a": 0.1234567890123456789}'))
    entries = service.get(f"accounts/{account.pk}/entries", limit=1)
    shown = json.loads(entries.content, parse_float=Decimal)["entries"][0]["metadata"]

    assert shown == json.loads(kept, parse_float=Decimal)
    assert lost.status_code == 400
    assert lost.json()["errors"][0]["attr"] == "metadata"
    assert "as a string" in lost.json()["detail"]
