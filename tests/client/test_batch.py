"""Spends in the background: many in a request, each with its outcome, none lost on the way out."""

from __future__ import annotations

import signal
import subprocess
import sys
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from prepaid_credits import (
    BatchClosed,
    BatchFull,
    CreditsClient,
    InsufficientCredits,
    InvalidRequest,
    KeyConflict,
    NotSent,
    Outcome,
    UnknownAccount,
)

from accounts.clients.models import ApiClient
from credits.ledger.models import Account
from tests.client.books import charged
from tests.client.programs import run_program
from tests.client.relay import Relay
from tests.credits.builders import funded
from tests.support.racing import at_once

HOUR = 3600.0


def test_the_end_of_the_block_sends_what_waits_in_one_request(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    with client.batch(interval_s=HOUR) as batch:
        futures = [batch.spend(account.pk, amount, key=f"job {amount}") for amount in (1, 2, 3)]
        assert not any(future.done() for future in futures)

    assert [future.result().amount for future in futures] == charged(account) == [1, 2, 3]
    assert len(relay.keys) == 1


def test_a_full_batch_is_sent_at_once_and_others_in_time(client: CreditsClient, account: Account) -> None:
    with client.batch(size=3, interval_s=HOUR) as batch:
        first = [batch.spend(account.pk, 1) for _ in range(4)]
        assert [future.result(10).repeated for future in first[:3]] == [False] * 3
        assert not first[3].done()
        assert batch.flush(10)
        assert first[3].done()
    with client.batch(interval_s=0.05) as batch:
        assert batch.spend(account.pk, 1).result(10).balance_after == 95


def test_each_spend_has_its_own_outcome(
    client: CreditsClient, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: list[Outcome] = []
    client.spend(account.pk, 1, key="taken")
    with client.batch(interval_s=HOUR, on_result=outcomes.append) as batch:
        done = batch.spend(account.pk, 9, key="job 1")
        repeated = batch.spend(account.pk, 9, key="job 1")
        missing = batch.spend(account.pk, "90.5", key="job 2")
        conflict = batch.spend(account.pk, 2, key="taken")
        unknown = batch.spend(uuid4(), 1, key="job 3")

    assert (done.result().repeated, repeated.result().repeated) == (False, True)
    with pytest.raises(InsufficientCredits) as refused:
        missing.result()
    assert (refused.value.missing, refused.value.available) == (Decimal("0.5"), Decimal(90))
    assert refused.value.key == "job 2"
    with pytest.raises(KeyConflict):
        conflict.result()
    with pytest.raises(UnknownAccount):
        unknown.result()
    assert [one.key for one in outcomes] == ["job 1", "job 1", "job 2", "taken", "job 3"]
    assert outcomes[2].error is refused.value
    assert f"90.5 of account {account.pk}, key job 2" in caplog.text, "also where nobody looks at the Future"


def test_a_spend_that_the_api_finds_wrong_stops_no_other(client: CreditsClient, account: Account) -> None:
    with client.batch(interval_s=HOUR) as batch:
        futures = [batch.spend(account.pk, 1) for _ in range(3)]
        wrong = batch.spend(account.pk, 1, reference="x" * 5000)
        futures += [batch.spend(account.pk, 1) for _ in range(2)]

    with pytest.raises(InvalidRequest):
        wrong.result()
    assert len(charged(account)) == 5
    assert all(future.result() for future in futures)


def test_a_refusal_that_names_no_spend_is_narrowed_down(
    client: CreditsClient, account: Account, relay: Relay
) -> None:
    relay.answer(413)
    with client.batch(interval_s=HOUR) as batch:
        futures = [batch.spend(account.pk, 1) for _ in range(4)]

    assert all(future.result() for future in futures)
    assert (len(charged(account)), len(relay.keys)) == (4, 3)


def test_what_no_spend_can_have_is_refused_at_once(client: CreditsClient, account: Account) -> None:
    with client.batch(interval_s=HOUR) as batch:
        for wrong in ("0", "-1", "0.0000001", 10**18):
            with pytest.raises(ValueError, match="amount must be"):
                batch.spend(account.pk, wrong)
        with pytest.raises(ValueError, match="UUID"):
            batch.spend("nobody", 1)


def test_lost_answers_charge_once(client: CreditsClient, account: Account, relay: Relay) -> None:
    relay.order("lose the answer", "refuse", "cut the answer")
    relay.answer(503)
    with client.batch(interval_s=HOUR) as batch:
        futures = [batch.spend(account.pk, 1) for _ in range(20)]

    assert len(charged(account)) == 20
    assert all(future.result().repeated for future in futures)


def test_a_client_that_was_switched_off_is_tried_until_it_is_on_again(
    client: CreditsClient, account: Account
) -> None:
    ApiClient.objects.update(is_active=False)
    with client.batch(interval_s=0.01) as batch:
        future = batch.spend(account.pk, 1)
        assert not batch.flush(0.3)
        ApiClient.objects.update(is_active=True)
        assert future.result(10).amount == 1


def test_what_cannot_be_sent_before_the_end_is_an_error_that_names_it(
    client: CreditsClient, account: Account
) -> None:
    ApiClient.objects.update(is_active=False)
    batch = client.batch(interval_s=HOUR)
    futures = [batch.spend(account.pk, 1, key=f"job {number}") for number in range(3)]
    with pytest.raises(NotSent) as unsent:
        batch.close()

    assert unsent.value.keys == ("job 0", "job 1", "job 2")
    assert all(future.exception() is unsent.value for future in futures)
    assert not charged(account)


def test_a_closed_or_full_batch_takes_no_spend(client: CreditsClient, account: Account) -> None:
    with client.batch(interval_s=HOUR, most_waiting=2) as batch:
        batch.spend(account.pk, 1)
        batch.spend(account.pk, 1)
        with pytest.raises(BatchFull):
            batch.spend(account.pk, 1)
    with pytest.raises(BatchClosed):
        batch.spend(account.pk, 1)

    assert len(charged(account)) == 2


def test_a_callback_that_fails_stops_nothing(client: CreditsClient, account: Account) -> None:
    def fail(outcome: Outcome) -> None:
        raise RuntimeError(outcome.key)

    with client.batch(interval_s=HOUR, on_result=fail) as batch:
        future = batch.spend(account.pk, 1)

    assert future.result().amount == 1


def test_threads_share_a_batch(client: CreditsClient) -> None:
    account = funded(1000)

    def spend_some() -> None:
        for _ in range(100):
            batch.spend(account.pk, 1)

    with client.batch(size=50, interval_s=0.01) as batch:
        at_once(*[spend_some] * 4)

    assert len(charged(account)) == 400


def test_the_clients_own_batch_is_sent_when_the_client_is_closed(
    relay: Relay, secret: str, account: Account
) -> None:
    with CreditsClient(relay.url, api_key=secret) as client:
        future = client.spend_later(account.pk, 1, reference="later")
        assert client.spend_later(account.pk, 2).done() is False

    assert future.result().amount == 1
    assert charged(account) == [1, 2]


# --- The end of the process -----------------------------------------------------------------------------------------

QUEUE_FIVE = """
import sys, time
from prepaid_credits import CreditsClient
url, secret, account = sys.argv[1:]
batch = CreditsClient(url, api_key=secret).batch(interval_s=3600)
for number in range(5):
    batch.spend(account, 1, key=f"job {number}")
print("queued", flush=True)
"""


def test_a_program_that_ends_sends_what_waits(relay: Relay, secret: str) -> None:
    for ending, status in (("", 0), ("sys.exit(3)", 3), ("raise RuntimeError", 1)):
        account = funded(100)
        relay.order("refuse")
        with run_program(QUEUE_FIVE + ending, relay.url, secret, account.pk) as program:
            assert program.wait(20) == status
        assert len(charged(account)) == 5, ending


def test_sigterm_sends_what_waits(relay: Relay, secret: str, account: Account) -> None:
    relay.order("refuse")
    with run_program(QUEUE_FIVE + "time.sleep(60)", relay.url, secret, account.pk) as program:
        read_line(program)
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 128 + signal.SIGTERM

    assert len(charged(account)) == 5


def test_a_program_with_its_own_sigterm_handler_keeps_it(relay: Relay, secret: str, account: Account) -> None:
    own = "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
    with run_program(own + QUEUE_FIVE + "time.sleep(60)", relay.url, secret, account.pk) as program:
        read_line(program)
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 7

    assert len(charged(account)) == 5


def test_a_fork_does_not_send_its_parents_spends_nor_takes_any(
    relay: Relay, secret: str, account: Account
) -> None:
    fork = """
import os
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    try:
        batch.spend(account, 1)
    except Exception as error:
        assert type(error).__name__ == "BatchClosed"
        sys.exit(0)
    os._exit(1)
"""
    with run_program(QUEUE_FIVE + fork, relay.url, secret, account.pk) as program:
        assert program.wait(20) == 0

    assert (len(charged(account)), len(relay.keys)) == (5, 1)


def read_line(program: subprocess.Popen[Any]) -> None:
    assert program.stdout is not None
    assert program.stdout.readline() == "queued\n", sys.stderr
