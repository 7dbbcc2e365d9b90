"""The sandbox as its users meet it: a process of its own, spoken to over HTTP with Stripe's own library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox.calling import (
    MakeSession,
    Pay,
    connect,
    create_session,
)
from tests.sandbox.receiver import Receiver, running_receiver
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox, running_sandbox


@pytest.fixture(scope="session")
def receiver_process() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def own_sandbox(receiver_process: Receiver) -> Iterator[Sandbox]:
    arguments = ["--webhook-url", receiver_process.url, "--webhook-secret", WEBHOOK_SECRET]
    with running_sandbox(*arguments) as sandbox:
        yield sandbox


@pytest.fixture
def receiver(receiver_process: Receiver, sandbox: Sandbox) -> Receiver:
    """The receiver of the sandbox's webhooks, with nothing received yet."""
    receiver_process.forget()
    return receiver_process


@pytest.fixture
def sandbox(own_sandbox: Sandbox) -> Sandbox:
    """The sandbox, emptied."""
    own_sandbox.post("/_sandbox/reset")
    return own_sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return connect(sandbox)


@pytest.fixture
def make_session(client: stripe.StripeClient) -> MakeSession:
    def make(**params: Any) -> stripe.checkout.Session:
        return create_session(client, **params)

    return make


@pytest.fixture
def pay(sandbox: Sandbox, make_session: MakeSession) -> Pay:
    """Pays 45 dollars by a card. Gives the id of the charge."""

    def pay_by(card: str = "4242424242424242") -> str:
        return str(sandbox.pay(make_session().id, card)["payment_intent"]["latest_charge"])

    return pay_by
