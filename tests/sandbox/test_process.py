"""Starting, stopping, and what outlives the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import stripe

from tests.sandbox.calling import connect, create_session
from tests.sandbox.receiver import Receiver, running_receiver
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox, running_sandbox

KEYS = "/realms/demo/protocol/openid-connect/certs"
COMMAND = [sys.executable, "-m", "sandbox"]


@dataclass(frozen=True)
class Restarted:
    """A sandbox that was ended and started again on the same state, and what it had made before."""

    sandbox: Sandbox
    receiver: Receiver
    session: stripe.checkout.Session
    product: stripe.Product
    keys: dict[str, Any]


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarted]:
    state = tmp_path_factory.mktemp("state")
    with running_receiver() as receiver:
        hook = ["--webhook-url", receiver.url, "--webhook-secret", WEBHOOK_SECRET]
        with running_sandbox("--state", str(state), *hook) as before:
            client = connect(before)
            session = create_session(client)
            before.pay(session.id, "4000000000000002")
            before.post("/_sandbox/clock", {"advance_s": 3600})
            before.fault(path="/v1/customers", status=500)
            before.set_account(id="acct_mine", livemode=True, live_keys=True)
            keys = before.get(KEYS)
            before.wait_for_webhooks()
            receiver.received.clear()
            receiver.answers = [500]
            product = client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
            wait_until(lambda: bool(receiver.received))
        with running_sandbox("--state", str(state), *hook) as after:
            yield Restarted(after, receiver, session, product, keys)


def wait_until(done: Callable[[], bool], timeout_s: float = 5) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_pending_deliveries_survive_a_restart(restarted: Restarted) -> None:
    restarted.sandbox.wait_for_webhooks()
    assert restarted.receiver.types == ["product.created"] * 2


def test_an_open_session_can_be_paid_after_a_restart(restarted: Restarted) -> None:
    assert restarted.sandbox.pay(restarted.session.id)["outcome"] == "succeeded"


def test_idempotency_keys_clock_and_faults_survive_a_restart(restarted: Restarted) -> None:
    client = connect(restarted.sandbox)
    again = client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    assert again.id == restarted.product.id
    assert restarted.sandbox.get("/_sandbox/clock")["now"] >= time.time() + 3599
    with pytest.raises(stripe.APIError):
        client.v1.customers.list()


def test_the_account_and_its_mode_survive_a_restart(restarted: Restarted) -> None:
    live = connect(restarted.sandbox, "sk_live_" + "a" * 24)
    assert live.v1.accounts.retrieve_current().id == "acct_mine"
    assert live.v1.products.create({"name": "Pack"}).livemode is True


def test_tokens_stay_valid_after_a_restart(restarted: Restarted) -> None:
    assert restarted.sandbox.get(KEYS) == restarted.keys


def test_a_port_in_use_is_said_in_one_line(sandbox: Sandbox) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    ended = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} on 127.0.0.1 is already in use.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_whatever_the_environment_says_and_ends_when_told(number: signal.Signals) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    command = [*COMMAND, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Sandbox ready: http://localhost:")
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, "")


def test_a_webhook_address_needs_its_secret() -> None:
    ended = subprocess.run(
        [*COMMAND, "--webhook-url", "http://x"], capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 2
    assert "must be given together" in ended.stderr
