"""Amounts keep every digit, and no float gets in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from prepaid_credits import CreditsClient

from credits.ledger.models import Account, Entry
from tests.client.books import charged
from tests.credits.builders import funded

LONG = Decimal("123456789012.345678")
# What is refused here is never sent.
NOWHERE = CreditsClient("http://localhost:1", api_key="pck_none")
ACCOUNT = "00000000-0000-4000-8000-000000000000"


def test_every_digit_is_charged_and_told(client: CreditsClient, transactional_db: None) -> None:
    account = funded("999999999999.999999")
    amounts: list[Decimal | int | str] = [
        LONG,
        str(LONG),
        Decimal("1E+3"),
        7,
        Decimal("0.1") + Decimal("0.2"),
    ]
    for amount in amounts:
        assert client.spend(account.pk, amount).amount == Decimal(amount)
        assert next(client.entries(account.pk)).amount == -Decimal(amount)

    assert charged(account) == [Decimal(amount) for amount in amounts]
    assert client.balance(account.pk).balance == Decimal("753086420968.008643")


@pytest.mark.parametrize("amount", [0.1 + 0.2, 2.0, True, None, b"1"])
def test_a_float_or_no_number_is_a_type_error(amount: Any) -> None:
    with pytest.raises(TypeError):
        NOWHERE.spend(ACCOUNT, amount)
    with pytest.raises(TypeError):
        NOWHERE.hold(ACCOUNT, amount, expires_in=60)
    with NOWHERE.batch() as batch, pytest.raises(TypeError):
        batch.spend(ACCOUNT, amount)
    with pytest.raises(TypeError):
        NOWHERE.transfer(ACCOUNT, ACCOUNT, amount)


def test_the_error_says_what_to_use_instead() -> None:
    with pytest.raises(TypeError, match=r"float 0\.30000000000000004\. Use a Decimal"):
        NOWHERE.spend(ACCOUNT, 0.1 + 0.2)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(TypeError, match=r"usage\['seconds'\] is the float 1\.5"):
        NOWHERE.spend(ACCOUNT, model="speak", usage={"seconds": 1.5})  # type: ignore[dict-item]  # what is tested


@pytest.mark.parametrize("amount", ["NaN", "Infinity", Decimal("NaN"), "many"])
def test_what_is_no_number_is_a_value_error(amount: Any) -> None:
    with pytest.raises(ValueError, match="amount is"):
        NOWHERE.spend(ACCOUNT, amount)


def test_either_an_amount_or_a_usage() -> None:
    for wrong in ({}, {"amount": 1, "model": "speak", "usage": {"seconds": 1}}, {"model": "speak"}):
        with pytest.raises(TypeError, match="either an amount"):
            NOWHERE.spend(ACCOUNT, **wrong)


def test_decimals_in_metadata_are_kept_as_text(client: CreditsClient, account: Account) -> None:
    client.spend(account.pk, 1, metadata={"share": Decimal("0.10"), "temperature": 0.7})

    assert Entry.objects.get(kind="spend").metadata == {"share": "0.10", "temperature": 0.7}


@pytest.mark.parametrize("key", ["x" * 161, "ключ", "a\nb"])
def test_a_key_that_no_write_can_have_is_a_value_error(key: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        NOWHERE.spend(ACCOUNT, 1, key=key)
