"""What happens to a lot between a clawback and its end: holds, expiry, credits that come back."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback, Entry, Lot
from tests.credits.builders import (
    claim,
    claw_back,
    clawback_of,
    funded,
    grant,
    hold,
    let_hold_run_out,
    let_lot_expire,
    numbers,
    open_account,
    soon,
    spend,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]

DISPUTE = Clawback.Kind.DISPUTE


# --- Held credits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Clawback.Kind))
@pytest.mark.parametrize("policy", ["cap", "debt"])
def test_what_a_hold_has_set_aside_is_taken_when_it_is_released(kind: Clawback.Kind, policy: str) -> None:
    account = funded(1000)
    held = hold(account, 1000)
    back = claim(1000, policy, kind=kind)
    claw_back(account, back, kind=Entry.Kind(kind.value))
    assert clawback_of(back) == (0, 1000, 0, 0)
    assert numbers(account) == (1000, 1000, 0)

    released: Any = ledger.release(held.account_id, held.id)

    assert (released.released, released.balance, released.held) == (1000, 0, 0)
    assert clawback_of(back) == (1000, 0, 0, 0)
    assert numbers(account) == (0, 0, 0)


def test_what_a_capture_leaves_over_is_taken_and_what_it_spent_goes_by_the_policy() -> None:
    for policy, owed in (("cap", 0), ("debt", 30)):
        account = funded(100)
        held = hold(account, 100)
        back = claim(100, policy)
        claw_back(account, back)
        captured: Any = ledger.capture(held.account_id, held.id, Decimal(30), key="work")
        assert (captured.balance_after, captured.balance) == (70, -owed)
        assert clawback_of(back) == (70, 0, owed, 30 - owed)


def test_what_is_set_aside_is_taken_when_the_hold_runs_out() -> None:
    account = funded(10)
    held = hold(account, 7)
    back = claim(10)
    claw_back(account, back)
    assert clawback_of(back) == (3, 7, 0, 0)
    let_hold_run_out(held)
    ledger.expire_holds()
    assert clawback_of(back) == (10, 0, 0, 0)
    assert numbers(account) == (0, 0, 0)


def test_a_hold_that_ran_out_is_no_hold_though_no_job_has_run() -> None:
    account = funded(10)
    let_hold_run_out(hold(account, 7))
    back = claim(10)
    claw_back(account, back)
    assert clawback_of(back) == (10, 0, 0, 0)


def test_what_was_pending_when_its_lot_expired_is_taken_and_not_lost() -> None:
    """The money went back while the credits were there: they are not breakage."""
    account = funded(10)
    held = hold(account, 10)
    back = claim(10)
    claw_back(account, back)
    let_lot_expire(account.lots.get().pk)
    ledger.release(held.account_id, held.id)
    assert clawback_of(back) == (10, 0, 0, 0)
    assert not Entry.objects.filter(kind="expiry").exists()


def test_a_claim_that_is_dropped_leaves_the_hold_its_credits() -> None:
    account = funded(10)
    held = hold(account, 10)
    claw_back(account, claim(10))
    claw_back(account)
    ledger.release(held.account_id, held.id)
    assert numbers(account) == (10, 0, 0)


# --- Time that was away ---------------------------------------------------------------------------------------------


def lot_of(account: Account) -> Lot:
    return account.lots.earliest("id")


def let_weeks_pass(account: Account, weeks: int) -> None:
    """As if all that happened to the account's first lot had happened earlier."""
    lot, ago = lot_of(account), timedelta(weeks=weeks)
    assert lot.expires_at is not None
    Lot.objects.filter(pk=lot.pk).update(expires_at=lot.expires_at - ago)
    for row in account.clawbacks.filter(taken_since__isnull=False):
        assert row.taken_since is not None
        Clawback.objects.filter(pk=row.pk).update(taken_since=row.taken_since - ago)


def test_credits_that_were_frozen_while_their_lot_expired_come_back_with_that_time() -> None:
    account = funded(100, expires_at=soon(days=3))
    dispute = claim(100, kind=DISPUTE)
    claw_back(account, dispute, kind=Entry.Kind.DISPUTE)
    let_weeks_pass(account, 10)

    claw_back(account, kind=Entry.Kind.DISPUTE)

    assert numbers(account) == (100, 0, 0)
    expires_at = lot_of(account).expires_at
    assert expires_at is not None
    assert soon(days=3, minutes=-1) < expires_at < soon(days=3, minutes=1)
    assert timedelta(weeks=10) <= lot_of(account).extended_by < timedelta(weeks=10, minutes=1)
    spend(account, 100)


def test_a_lot_that_lives_on_gets_no_more_time() -> None:
    account = funded(100, expires_at=soon(days=300))
    before = lot_of(account).expires_at
    claw_back(account, claim(100))
    claw_back(account)
    assert (lot_of(account).expires_at, lot_of(account).extended_by) == (before, timedelta(0))


def test_a_lot_that_had_expired_before_gets_no_more_time() -> None:
    account = funded(100)
    spend(account, 40)
    let_lot_expire(lot_of(account).pk)
    claw_back(account, claim(100, "debt"))
    assert numbers(account) == (-40, 0, 40)
    claw_back(account)
    assert numbers(account) == (0, 0, 0)
    assert lot_of(account).extended_by == timedelta(0)


def test_credits_that_paid_off_a_debt_which_falls_away_come_back_with_that_time() -> None:
    account = funded(50)
    spend(account, 50)
    refund = claim(50, "debt")
    claw_back(account, refund)
    later = grant(account, 50, key="later", expires_at=soon(days=3))
    assert numbers(account) == (0, 0, 0)
    Lot.objects.filter(pk=later.lot_id).update(expires_at=soon())

    claw_back(account)

    assert numbers(account) == (50, 0, 0)
    assert Lot.objects.get(pk=later.lot_id).extended_by > timedelta(0)


def test_the_same_grant_is_known_again_though_its_lot_got_more_time() -> None:
    account = open_account()
    terms: dict[str, Any] = {"key": "purchase", "expires_at": soon(days=3)}
    grant(account, 100, **terms)
    claw_back(account, claim(100))
    let_weeks_pass(account, 10)
    claw_back(account)
    lot = lot_of(account)
    terms["expires_at"] = lot.expires_at - lot.extended_by if lot.expires_at else None
    assert grant(account, 100, **terms).repeated
