"""The sandbox as its users meet it: a process of its own, spoken to over HTTP with Stripe's own library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from tests.local_world import WEBHOOK_SECRET, Sandbox, running_sandbox
from tests.sandbox.receiver import Receiver, running_receiver

API_KEY = "sk_test_" + "a" * 24
MakeSession = Callable[..., stripe.checkout.Session]
Pay = Callable[..., str]


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


def connect(sandbox: Sandbox, api_key: str = API_KEY) -> stripe.StripeClient:
    """Stripe's own client, which talks to the sandbox and never tries twice."""
    return stripe.StripeClient(api_key, base_addresses={"api": sandbox.url}, max_network_retries=0)


@pytest.fixture
def client(sandbox: Sandbox) -> stripe.StripeClient:
    return connect(sandbox)


def create_session(client: stripe.StripeClient, **params: Any) -> stripe.checkout.Session:
    """A checkout session for one thing at 45 dollars, unless `params` say otherwise."""
    price = {"currency": "usd", "unit_amount": 4500, "product_data": {"name": "Studio pack"}}
    defaults: dict[str, Any] = {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/back",
    }
    return client.v1.checkout.sessions.create({**defaults, **params})  # type: ignore[arg-type]


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


def list_event_types(sandbox: Sandbox) -> list[str]:
    """What happened so far, in order."""
    return [event["type"] for event in sandbox.objects("event")]


def list_events_of(sandbox: Sandbox, *beginnings: str) -> list[str]:
    """What happened so far, in order, of the types that begin like this."""
    return [event_type for event_type in list_event_types(sandbox) if event_type.startswith(beginnings)]


def find_event(sandbox: Sandbox, event_type: str) -> dict[str, Any]:
    """The `data` of the latest event of a type."""
    found = [event for event in sandbox.objects("event") if event["type"] == event_type]
    data: dict[str, Any] = found[-1]["data"]
    return data
