"""A spend is charged once, whatever the network does; what is refused raises what it was refused for."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from prepaid_credits import (
    CapReached,
    CreditsClient,
    InsufficientCredits,
    InvalidRequest,
    KeyConflict,
    NoAnswer,
    NotAuthenticated,
    PermissionDenied,
    RateLimited,
    Retrying,
    ServerError,
    UnexpectedAnswer,
    UnknownAccount,
    UnknownModel,
)

from accounts.clients.api_keys import create_key
from accounts.clients.models import ApiClient
from credits.ledger.models import Account, Entry
from tests.client.books import balance, charged
from tests.client.relay import IMPATIENT, Fault, Relay
from tests.support.racing import at_once


def test_a_spend_says_what_is_in_the_books(client: CreditsClient, account: Account) -> None:
    spent = client.spend(account.pk, "2.5", reference="job 1", metadata={"n": 1})

    entry = Entry.objects.get(kind="spend")
    assert (spent.id, spent.account, spent.repeated) == (entry.pk, str(account.pk), False)
    assert (spent.amount, spent.balance_after) == (Decimal("2.5"), Decimal("97.5"))
    assert (entry.reference, entry.metadata) == ("job 1", {"n": 1})
    assert entry.key.endswith(spent.key)


def test_a_lost_answer_charges_once(client: CreditsClient, account: Account, relay: Relay) -> None:
    faults: list[Fault] = ["lose the answer", "cut the answer", "refuse"]
    for number, fault in enumerate(faults, start=1):
        relay.order(fault, fault)
        spent = client.spend(account.pk, "2.5")

        assert charged(account) == [Decimal("2.5")] * number
        assert relay.keys[-3:] == [spent.key] * 3
        assert spent.repeated is (fault != "refuse")


def test_without_the_key_a_lost_answer_would_charge_twice(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    # The negative control: the same two requests under two keys.
    relay.order("lose the answer")
    client._transport.retrying = Retrying(attempts=1)
    with pytest.raises(NoAnswer):
        client.spend(account.pk, "2.5")
    client.spend(account.pk, "2.5")

    assert charged(account) == [Decimal("2.5")] * 2


def test_an_answer_that_never_comes_is_asked_for_again_by_the_errors_key(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    relay.order("lose the answer", times=IMPATIENT.attempts)
    with pytest.raises(NoAnswer) as lost:
        client.spend(account.pk, "2.5")
    again = client.spend(account.pk, "2.5", key=lost.value.key)

    assert (charged(account), again.repeated) == ([Decimal("2.5")], True)


def test_a_service_that_fails_is_tried_again(client: CreditsClient, account: Account, relay: Relay) -> None:
    for status in (500, 502, 503, 504, 429):
        relay.answer(status, body="<html>not ours</html>")
    client.spend(account.pk, 1)

    assert (len(relay.keys), charged(account)) == (6, [Decimal(1)])


def test_a_service_that_stays_away_is_an_error_with_the_key(client: CreditsClient, relay: Relay) -> None:
    for _ in range(IMPATIENT.attempts):
        relay.answer(503)
    with pytest.raises(ServerError) as failed:
        client.spend(uuid4(), 1, key="job 1")

    assert (failed.value.key, relay.keys) == ("job 1", ["job 1"] * IMPATIENT.attempts)


def test_retry_after_is_waited_for(client: CreditsClient, account: Account, relay: Relay) -> None:
    relay.answer(429, "Retry-After: 1")
    begun = time.monotonic()
    client.spend(account.pk, 1)

    assert time.monotonic() - begun >= 1


def test_a_wait_that_is_too_long_is_left_to_the_caller(relay: Relay, secret: str, account: Account) -> None:
    ApiClient.objects.update(requests_per_minute=1)
    patience = Retrying(longest_wait_s=0)
    client = CreditsClient(relay.url, api_key=secret, retrying=patience)

    def spend_some() -> None:
        for _ in range(3):  # the minute may turn in between
            client.spend(account.pk, 1)

    with client, pytest.raises(RateLimited) as limited:
        spend_some()

    assert 0 < (limited.value.retry_after_s or 0) <= 60


def test_too_few_credits_say_what_is_missing_and_where_to_buy(
    client: CreditsClient, account: Account, relay: Relay, settings: Any
) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        client.spend(account.pk, "100.5")

    error = refused.value
    assert (error.missing, error.available) == (Decimal("0.5"), Decimal(100))
    assert error.buy_url == f"{settings.SITE_URL}/credits/"
    assert len(relay.keys) == 1, "what is refused is not repeated"


def test_a_key_stands_for_one_spend(client: CreditsClient, account: Account) -> None:
    client.spend(account.pk, 1, key="job 1")
    assert client.spend(account.pk, 1, key="job 1").repeated
    with pytest.raises(KeyConflict) as conflict:
        client.spend(account.pk, 2, key="job 1")

    assert (conflict.value.key, charged(account)) == ("job 1", [Decimal(1)])


def test_refusals_have_their_class_and_are_not_repeated(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    with pytest.raises(UnknownAccount):
        client.spend(uuid4(), 1)
    with pytest.raises(UnknownModel):
        client.spend(account.pk, model="nothing-of-this-name", usage={"images": 1})
    with pytest.raises(InvalidRequest) as wrong:
        client.spend(account.pk, "0.0000001")

    assert [field.attr for field in wrong.value.fields] == ["amount"]
    assert len(relay.keys) == 3


def test_wrong_credentials_are_told_apart(relay: Relay, account: Account, secret: str) -> None:
    forged = f"pck_{'0' * 12}_{'0' * 64}"
    with CreditsClient(relay.url, api_key=forged) as nobody, pytest.raises(NotAuthenticated):
        nobody.spend(account.pk, 1)
    reading = create_key(ApiClient.objects.get(), name="reads", scopes=["read"]).secret
    with CreditsClient(relay.url, api_key=reading) as reader, pytest.raises(PermissionDenied) as lacking:
        reader.spend(account.pk, 1)

    assert lacking.value.code == "missing_scope"
    assert secret not in repr(vars(lacking.value))


def test_something_else_at_the_address_is_no_answer(client: CreditsClient, relay: Relay) -> None:
    relay.answer(200, body="<html>a captive portal</html>")
    with pytest.raises(UnexpectedAnswer):
        client.balance(uuid4())
    relay.answer(302, "Location: https://example.com/")
    with pytest.raises(UnexpectedAnswer):
        client.balance(uuid4())


def test_a_cap_that_is_reached_says_what_is_left() -> None:
    problem = {"left": "1.5", "renews_at": "2027-01-01T00:00:00Z"}
    error = CapReached(402, "cap_reached", "Too much.", problem)

    assert (error.left, error.renews_at) == (Decimal("1.5"), "2027-01-01T00:00:00Z")


def test_threads_share_a_client(client: CreditsClient, account: Account) -> None:
    calls = [
        lambda number=number: client.spend(account.pk, 1, key=f"job {number % 4}") for number in range(12)
    ]
    spent = at_once(*calls)

    assert charged(account) == [Decimal(1)] * 4
    assert sum(not one.repeated for one in spent) == 4
    assert balance(account) == 96
