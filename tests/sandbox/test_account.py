"""The merchant's account: which one it is, and whether it is live."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession, connect
from tests.sandbox.receiver import Receiver
from tests.support.sandbox import Sandbox

LIVE_KEY = "sk_live_" + "a" * 24
FIRST = "acct_1SandboxLocal0000"


def test_the_account_is_the_same_until_a_test_changes_it(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    assert client.v1.accounts.retrieve_current() == client.v1.accounts.retrieve_current()
    assert client.v1.accounts.retrieve_current().id == FIRST
    assert sandbox.set_account(id="acct_other")["id"] == "acct_other"
    account = client.v1.accounts.retrieve_current()
    assert (account.id, client.v1.accounts.retrieve("acct_other").id) == ("acct_other", "acct_other")
    assert account.to_dict()["external_accounts"]["url"] == "/v1/accounts/acct_other/external_accounts"
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve(FIRST)
    sandbox.post("/_sandbox/reset")
    assert client.v1.accounts.retrieve_current().id == FIRST


def test_no_account_is_connected_to_this_one(client: stripe.StripeClient) -> None:
    assert client.v1.accounts.list().to_dict() == {
        "object": "list", "data": [], "has_more": False, "url": "/v1/accounts"
    }  # fmt: skip


def test_a_live_account_says_so_of_all_that_happens_from_then_on(
    sandbox: Sandbox, receiver: Receiver, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    before = client.v1.products.create({"name": "Pack"})
    sandbox.set_account(livemode=True)
    session = make_session()
    sandbox.pay(session.id)
    sandbox.wait_for_webhooks()
    assert (session.livemode, session.id[:8]) == (True, "cs_live_")
    assert {webhook.event["livemode"] for webhook in receiver.received[1:]} == {True}
    assert {webhook.event["data"]["object"]["livemode"] for webhook in receiver.received[1:]} == {True}
    assert client.v1.products.retrieve(before.id).livemode is False


def test_a_live_key_is_let_in_only_when_asked(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    live = connect(sandbox, LIVE_KEY)
    with pytest.raises(stripe.AuthenticationError):
        live.v1.products.list()
    sandbox.set_account(live_keys=True)
    assert live.v1.products.list().data == client.v1.products.list().data == []
    sandbox.set_account(live_keys=False)
    with pytest.raises(stripe.AuthenticationError):
        live.v1.products.list()


@pytest.mark.parametrize(
    "order",
    [
        {"id": ""},
        {"id": 7},
        {"livemode": "yes"},
        {"country": "DE"},
        {"settlement_currency": "EUR"},
        {"exchange_rates": {"euro": 1.1}},
        {"exchange_rates": {"eur": 0}},
        {"exchange_rates": {"eur": "1.1"}},
        {"exchange_rates": {"eur": True}},
        {"exchange_rates": {"usd": 1.1}},
    ],
)
def test_an_account_that_makes_no_sense_is_refused(sandbox: Sandbox, order: dict[str, Any]) -> None:
    before = sandbox.get("/_sandbox/account")
    answer = requests.post(f"{sandbox.url}/_sandbox/account", json=order, timeout=5)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})
    assert sandbox.get("/_sandbox/account") == before
