"""What staff without the permission read of Stripe's objects names nobody, and still tells what happened."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from billing.stripe.masking import KEYS, MASK, masked, masked_text

# Parts of the samples that Stripe publishes: those that are about somebody.
SAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("stripe_samples.json").read_text())
# What of them is about somebody, and nothing else of theirs.
PERSONAL = {
    "charge": ["Jenny Rosen", "4242", "AOB934RVNwzk6xtn", "2030"],
    "payment_method": [
        *["jenny@example.com", "+15555555555", "San Francisco", "1234 Fake Street", "94102", "CA", "4242"],
        *["AOB934RVNwzk6xtn", "2030"],
    ],
    "checkout.session": ["example@example.com", "https://checkout.stripe.com/c/pay/cs_test_a1YS1URl"],
    "bank_account": ["Jane Austen", "AuoSJ18zsVWV9SPc", "6789", "110000000"],
    "source": [
        *["test_52796e3294dc", "ecpwEzmBOSMOqQTL", "110000000", "TSTEZ122", "jenny.rosen@example.com"],
        "121042882-38381234567890123",
    ],
    "mandate": ["127.0.0.0", "device"],
    "financial_connections.account_owner": [
        *["nobody+janesmith@stripe.com", "Jane Smith", "+1 555-555-5555", "123 Main Street, Everytown USA"],
    ],
    "customer_cash_balance_transaction": ["BANKDEAAXXX", "7089", "Sample Business GmbH"],
    "issuing.cardholder": [
        *[
            "jenny@example.com",
            "Jenny Rosen",
            "+18008675309",
            "Beverly Hills",
            "123 Fake St",
            "Apt 3",
            "90210",
        ],
    ],
    "identity.verification_report": ["San Francisco", "1234 Main St.", "Jenny", "Rosen"],
    "radar.value_list_item": ["jenny@example.com", "1.2.3.4"],
    "tax_id": ["DE123456789"],
}
KEPT = {
    "charge": {"ch_1PgafuB7WZ01zgkWXYmPNZs8", "100", "usd", "visa", "credit"},
    "payment_method": {"pm_1Pgc75B7WZ01zgkWlHVgdEGJ", "visa", "card"},
    "checkout.session": {"cs_test_a1YS1URl", "unpaid"},
    "bank_account": {"ba_1PgagAB7WZ01zgkWr3DySp2Q", "new"},
    "mandate": {"123456789", "online"},
    "issuing.cardholder": {"active"},
    "tax_id": {"eu_vat"},
}
SHORT = 4  # found in many an id


def leaves(value: Any) -> set[str]:
    """Every value in it, as text."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*map(leaves, value))
    return {str(value)}


def found_in(value: Any, personal: Iterable[str]) -> list[str]:
    """Which of these stand in it: inside a longer text too."""
    texts = leaves(value)
    return [
        each
        for each in personal
        if each in texts or (len(each) > SHORT and any(each in text for text in texts))
    ]


def test_every_sample_has_its_personal_values_named() -> None:
    assert PERSONAL.keys() == SAMPLES.keys()
    for name, values in PERSONAL.items():
        assert found_in(SAMPLES[name], values) == values


@pytest.mark.parametrize("name", SAMPLES)
def test_no_personal_value_of_stripes_own_samples_is_left(name: str) -> None:
    left = masked(SAMPLES[name])

    assert found_in(left, PERSONAL[name]) == []
    assert KEPT.get(name, set()) <= leaves(left)


@pytest.mark.parametrize("name", SAMPLES)
def test_none_is_left_in_an_event_around_it_or_in_what_it_was_before(name: str) -> None:
    event = {
        "id": "evt_1",
        "data": {"object": {"list": [[SAMPLES[name]]]}, "previous_attributes": SAMPLES[name]},
    }

    assert found_in(masked(event), PERSONAL[name]) == []


@pytest.mark.parametrize("key", sorted(KEYS))
def test_all_that_stands_under_a_personal_key_is_hidden_at_any_depth(key: str) -> None:
    value = {"a": ["secret", {"b": 123456}], "c": "secret"}

    left = masked([{"deep": {key: value, key.upper(): "secret", "amount": 5}}])

    hidden = {"a": [MASK, {"b": MASK}], "c": MASK}
    assert left == [{"deep": {key: hidden, key.upper(): MASK, "amount": 5}}]


@pytest.mark.parametrize(
    "key",
    [
        "receipt_email",
        "customer_phone",
        "customer_email_address",
        "dynamic_last4",
        "ssn_last_4",
        "device_fingerprint",
    ],
)
def test_a_key_that_ends_like_a_personal_one_is_one(key: str) -> None:
    assert masked({key: "secret"}) == {key: MASK}


def test_a_word_is_personal_where_its_object_makes_it_so() -> None:
    assert masked({"object": "product", "name": "Starter"})["name"] == "Starter"
    assert masked({"object": "customer", "name": "Jenny", "description": "Jenny"}) == {
        "object": "customer",
        "name": MASK,
        "description": MASK,
    }
    assert masked({"object": "charge", "description": "Starter"})["description"] == "Starter"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("jenny@example.com", MASK),
        ("Receipt sent to jenny.rosen+shop@mail.example.co.uk, again", f"Receipt sent to {MASK}, again"),
        ("<jenny@example.com>", f"<{MASK}>"),
        ("jenny@localhost", MASK),
        ("call +1 555-555-5555", f"call {MASK}"),
        ("203.0.113.9", MASK),
        ("2001:db8::1", MASK),
        ("pm_1Pgc75B7WZ01zgkWlHVgdEGJ", "pm_1Pgc75B7WZ01zgkWlHVgdEGJ"),
        ("2026-08-26.dahlia", "2026-08-26.dahlia"),
        ("2026-11-27T23:28:19+00:00", "2026-11-27T23:28:19+00:00"),
    ],
)
def test_text_that_is_an_address_is_hidden_wherever_it_stands(text: str, left: str) -> None:
    assert masked_text(text) == left
    assert masked({"metadata": {"order": [text]}}) == {"metadata": {"order": [left]}}


def test_what_is_empty_stays_empty_and_the_original_stays_whole() -> None:
    original: dict[str, Any] = {
        "email": None,
        "phone": "",
        "address": {},
        "tax_ids": [],
        "owner": {"verified": False},
        "name": "Jo",
    }
    before = copy.deepcopy(original)

    assert masked(original) == {**before, "name": MASK}
    assert original == before


def test_a_long_text_is_searched_in_no_time() -> None:
    """Sought from each of its letters to its end, it would take minutes."""
    text = "a" * 200_000

    assert masked({"note": text, "other": f"{text}@"})["note"] == text
