"""Stripe's own samples that are about somebody, and the values in them that are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
