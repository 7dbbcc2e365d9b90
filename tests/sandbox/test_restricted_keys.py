"""Restricted keys: what each may do, and how one is refused that may not."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession, connect
from tests.support.sandbox import Sandbox

KEY = "rk_test_" + "r" * 24


def restricted(sandbox: Sandbox, *permissions: str) -> stripe.StripeClient:
    sandbox.restrict_key(KEY, *permissions)
    return connect(sandbox, KEY)


def test_a_refused_call_names_the_permission_as_stripe_does(sandbox: Sandbox) -> None:
    client = restricted(sandbox, "product_read")
    assert client.v1.products.list().data == []
    with pytest.raises(stripe.PermissionError) as refused:
        client.v1.products.create({"name": "Pack"})
    error = refused.value
    assert (error.http_status, error.code, error.error and error.error.type) == (
        403,
        None,
        "invalid_request_error",
    )
    assert error.user_message == (
        f"The provided key 'rk_test_{'*' * 20}rrrr' does not have the required permissions for this endpoint on account"
        " 'acct_1SandboxLocal0000'. Having the 'rak_product_write' permission would allow this request to continue."
    )
    assert sandbox.objects("product") == []


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/v1/account", "accounts_kyc_basic_read"),
        ("GET", "/v1/balance_transactions", "balance_transaction_source_read"),
        ("GET", "/v1/charges/ch_none/refunds", "charge_read"),
        ("POST", "/v1/refunds", "charge_write"),
        ("POST", "/v1/checkout/sessions/cs_none/expire", "checkout_session_write"),
        ("GET", "/v1/prices", "plan_read"),
        ("POST", "/v1/webhook_endpoints", "webhook_write"),
        ("DELETE", "/v1/customers/cus_none", "customer_write"),
        ("GET", "/v1/customers/cus_none/payment_methods", "payment_method_read"),
        ("GET", "/v1/customers/cus_none/payment_methods/pm_none", "payment_method_read"),
        ("POST", "/v1/payment_methods/pm_none/attach", "payment_method_write"),
        ("POST", "/v1/payment_intents/pi_none/confirm", "payment_intent_write"),
        ("GET", "/v1/setup_intents/seti_none", "setup_intent_read"),
        ("POST", "/v1/billing_portal/sessions", "customer_portal_write"),
        ("GET", "/v1/billing_portal/configurations", "customer_portal_read"),
    ],
)
def test_every_route_asks_for_its_permission_before_it_looks_at_anything_else(
    sandbox: Sandbox, method: str, path: str, permission: str
) -> None:
    restricted(sandbox)
    refused = requests.request(method, sandbox.url + path, auth=(KEY, ""), timeout=10)
    assert refused.status_code == 403
    assert f"'rak_{permission}'" in refused.json()["error"]["message"]
    restricted(sandbox, permission)
    assert requests.request(method, sandbox.url + path, auth=(KEY, ""), timeout=10).status_code != 403


def test_writing_includes_reading_and_no_more(sandbox: Sandbox) -> None:
    client = restricted(sandbox, "customer_write")
    assert client.v1.customers.list().data == []
    with pytest.raises(stripe.PermissionError, match="rak_product_read"):
        client.v1.products.list()


def test_expanding_is_reading(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session().id
    sandbox.pay(session)
    expand: Any = {"expand": ["payment_intent.latest_charge"]}
    client = restricted(sandbox, "checkout_session_read", "payment_intent_read")
    with pytest.raises(stripe.PermissionError, match="rak_charge_read"):
        client.v1.checkout.sessions.retrieve(session, expand)
    client = restricted(sandbox, "checkout_session_read", "payment_intent_read", "charge_read")
    assert client.v1.checkout.sessions.retrieve(session, expand).status == "complete"


def test_a_restricted_key_is_good_once_it_is_made_and_gone_with_the_rest(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        connect(sandbox, KEY).v1.products.list()
    client = restricted(sandbox, "product_read")
    assert client.v1.products.list().data == []
    assert sandbox.get("/_sandbox/keys")["keys"] == {KEY: ["product_read"]}
    sandbox.post("/_sandbox/reset")
    with pytest.raises(stripe.AuthenticationError):
        client.v1.products.list()


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"key": KEY},
        {"key": "sk_test_" + "a" * 24, "permissions": []},
        {"key": KEY, "permissions": ["all"]},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(sandbox: Sandbox, order: dict[str, Any]) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/keys", json=order, timeout=5)
    assert (answer.status_code, set(answer.json())) == (400, {"error"})
    assert sandbox.get("/_sandbox/keys")["keys"] == {}
