"""A buyer whose email address Stripe refuses buys all the same: the checkout is opened without it."""

from __future__ import annotations

from typing import Any

import pytest

from billing.errors import StripeRefused
from billing.provider.interface import CheckoutRequest
from billing.purchases.models import Purchase
from billing.stripe import gateway as stripe_gateway
from tests.billing.calling import stripe_posts
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.mark.parametrize("address", ["weird@localhost", "no address at all", "zoë@example.com"])
def test_the_checkout_is_opened_without_the_address(
    sandbox: Sandbox, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    started = start(UserFactory(email=address))

    refused, opened = stripe_posts(sandbox, SESSIONS)
    assert (refused["params"]["customer_email"], "customer_email" in opened["params"]) == (address, False)
    key = f"purchase-{started.purchase.pk}"
    assert (refused["idempotency_key"], opened["idempotency_key"]) == (key, f"{key}-without-email")
    sandbox.pay(started.session_id, email="typed@example.com")
    sandbox.wait_for_webhooks()
    assert Purchase.objects.get().status == "completed"
    assert "checkout_email_refused" in caplog.text
    assert address not in caplog.text


def test_a_repeat_after_a_lost_answer_finds_the_same_session(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[CheckoutRequest] = []
    call = stripe_gateway.create_checkout_session

    def looking_on(request: CheckoutRequest) -> Any:
        asked.append(request)
        return call(request)

    monkeypatch.setattr(stripe_gateway, "create_checkout_session", looking_on)  # the real one, watched
    started = start(UserFactory(email="weird@localhost"))

    assert call(asked[0]).id == started.session_id
    assert len(sandbox.objects("checkout.session")) == 1


def test_another_refusal_is_no_refused_address(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path=SESSIONS, status=400)
    with pytest.raises(StripeRefused):
        start(UserFactory())

    assert len(stripe_posts(sandbox, SESSIONS)) == 1
    assert Purchase.objects.get().status == "failed"
