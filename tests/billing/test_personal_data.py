"""What staff without the permission read of Stripe's objects names nobody, and still tells what happened."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from billing.stripe.masking import KEYS, MASK, masked, masked_text
from tests.billing.personal_samples import PERSONAL, SAMPLES, found_in, leaves

KEPT = {
    "charge": {"ch_1PgafuB7WZ01zgkWXYmPNZs8", "100", "usd", "visa", "credit"},
    "payment_method": {"pm_1Pgc75B7WZ01zgkWlHVgdEGJ", "visa", "card"},
    "checkout.session": {"cs_test_a1YS1URl", "unpaid"},
    "bank_account": {"ba_1PgagAB7WZ01zgkWr3DySp2Q", "new"},
    "mandate": {"123456789", "online"},
    "issuing.cardholder": {"active"},
    "tax_id": {"eu_vat"},
}


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
