"""A hold reserves credits for a block of work, and releases what the block didn't need."""

from __future__ import annotations

from decimal import Decimal

import pytest
from prepaid_credits import CreditsClient, HoldClosed, InsufficientCredits, NoAnswer

from credits.ledger.models import Account
from tests.client.books import balance, charged
from tests.client.relay import IMPATIENT, Relay


class WorkFailed(Exception):
    """Stands for whatever work raises."""


def held(account: Account) -> Decimal | int:
    account.refresh_from_db()
    found: Decimal = account.held
    return found


def test_a_hold_is_captured_and_its_rest_goes_back(client: CreditsClient, account: Account) -> None:
    with client.hold(account.pk, "20", expires_in=600) as hold:
        assert hold.amount == held(account) == 20
        captured = hold.capture("2.5", metadata={"n": 1})

    assert (captured.amount, captured.hold_remaining) == (Decimal("2.5"), Decimal(0))
    assert (balance(account), held(account)) == (Decimal("97.5"), 0)


def test_an_exception_releases_the_hold_and_goes_on(client: CreditsClient, account: Account) -> None:
    with pytest.raises(WorkFailed), client.hold(account.pk, 20, expires_in=600):
        raise WorkFailed

    assert (balance(account), held(account), charged(account)) == (100, 0, [])


def test_a_block_that_captures_nothing_releases(client: CreditsClient, account: Account) -> None:
    with client.hold(account.pk, 20, expires_in=600):
        pass

    assert (balance(account), held(account)) == (100, 0)


def test_partial_captures_stay_charged_when_the_work_fails(client: CreditsClient, account: Account) -> None:
    def work() -> None:
        with client.hold(account.pk, 20, expires_in=600) as hold:
            hold.capture(3, close=False)
            assert held(account) == 17
            hold.capture(4, close=False)
            raise WorkFailed

    with pytest.raises(WorkFailed):
        work()
    assert (charged(account), held(account)) == ([3, 4], 0)


def test_a_release_that_fails_does_not_hide_why_the_work_did(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    def work() -> None:
        with client.hold(account.pk, 20, expires_in=600):
            relay.order("refuse", times=IMPATIENT.attempts)
            raise WorkFailed

    with pytest.raises(WorkFailed) as failed:
        work()
    assert "could not be released" in failed.value.__notes__[0]


def test_lost_answers_hold_capture_and_release_once(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    relay.order("lose the answer", "pass", "lose the answer")
    with client.hold(account.pk, 20, expires_in=600) as hold:
        hold.capture(5, close=False)
        relay.order("lose the answer")

    assert (charged(account), held(account)) == ([5], 0)


def test_a_capture_without_an_answer_keeps_the_hold_and_can_be_repeated(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    hold = client.hold(account.pk, 20, expires_in=600)
    relay.order("refuse", times=IMPATIENT.attempts)
    with pytest.raises(NoAnswer) as lost, hold:
        hold.capture(5)
    assert held(account) == 20, "the work was done: its credits are not released"

    hold.capture(5, key=lost.value.key)
    assert (charged(account), held(account)) == ([5], 0)


def test_the_whole_block_repeated_with_its_key_charges_once(client: CreditsClient, account: Account) -> None:
    for repeated in (False, True):
        with client.hold(account.pk, 20, expires_in=600, key="job 1") as hold:
            assert hold.repeated is repeated
            assert hold.capture(5).repeated is repeated

    assert (charged(account), held(account)) == ([5], 0)


def test_a_hold_beyond_the_balance_is_refused(client: CreditsClient, account: Account) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        client.hold(account.pk, 101, expires_in=600)

    assert refused.value.missing == 1


def test_a_capture_beyond_hold_and_balance_is_refused_or_owed_as_was_said(
    client: CreditsClient, account: Account
) -> None:
    with pytest.raises(InsufficientCredits), client.hold(account.pk, 20, expires_in=600) as hold:
        hold.capture(101)
    assert (balance(account), held(account)) == (100, 0)

    with client.hold(account.pk, 20, expires_in=600, overrun="debt") as hold:
        hold.capture(101)
    assert balance(account) == -1


def test_a_closed_hold_takes_no_capture(client: CreditsClient, account: Account) -> None:
    with client.hold(account.pk, 20, expires_in=600) as hold:
        assert hold.release().status == "released"
        with pytest.raises(HoldClosed):
            hold.capture(1)
