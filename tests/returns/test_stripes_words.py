"""What Stripe says when it refuses reaches the log and staff, and never a buyer."""

from __future__ import annotations

import logging
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.packages.models import Package
from billing.provider.errors import StripeRefused
from billing.provider.interface import RefundRequest
from billing.purchases.models import Purchase
from billing.reconciliation.models import ReconciliationRun
from billing.stripe import gateway as stripe_gateway
from tests.admin.pages import button_of, messages_after, read
from tests.billing.calling import assert_problem, browser_of, post_json
from tests.returns.asking import press
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

BUY = {"package_code": "pro", "shown_for": "personal"}
KEY = "rk_test_7Hq2Wn5Tb9Xm4Kc8Vd3Rz6Lp"
ALL = ("accounts_kyc_basic_read", "charge_write", "checkout_session_write", "payment_intent_read", "plan_write",
       "product_write", "balance_transaction_source_read",
       "customer_write", "dispute_read", "invoice_read")  # fmt: skip


@pytest.fixture
def missing(sandbox: Sandbox, settings: Any) -> Any:
    """Has the site use a key that lacks a permission; it may still read what it may not write."""

    def use_key_without(permission: str) -> None:
        reading = permission.replace("_write", "_read")
        sandbox.restrict_key(KEY, *(set(ALL) - {permission}), *({reading} - {permission}))
        settings.STRIPE_SECRET_KEY = KEY

    return use_key_without


def needs(permission: str) -> str:
    return f"Having the 'rak_{permission}' permission would allow this request to continue"


def test_the_refund_dialog_tells_staff_what_stripe_said(
    missing: Any, as_superuser: Any, purchase: Purchase, caplog: pytest.LogCaptureFixture
) -> None:
    missing("charge_write")
    (told,) = messages_after(press(as_superuser, purchase))

    assert told.startswith("Stripe refused the request: The provided key 'rk_test_****z6Lp' does not")
    assert needs("charge_write") in told
    assert "(request req_" in told
    assert told.endswith("). Nothing was refunded.")
    assert KEY not in told
    (line,) = [str(record.msg) for record in caplog.records if "'event': 'stripe_refused'" in str(record.msg)]
    assert needs("charge_write") in line
    assert "'status': 403" in line
    assert "'request_id': 'req_" in line
    assert KEY not in line


def test_a_parameter_that_stripe_refuses_is_named_and_an_address_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    order = RefundRequest("r1", "jenny@shop.test", 100, "")
    with pytest.raises(StripeRefused) as refused:
        stripe_gateway.create_refund(order)

    assert refused.value.params["stripe_code"] == "resource_missing"
    assert refused.value.params["stripe_param"] == "payment_intent"
    assert refused.value.for_staff.startswith(
        "Stripe refused the request: No such payment_intent: '…@…' (parameter payment_intent, request req_"
    )
    assert "'stripe_param': 'payment_intent'" in caplog.text
    assert "jenny" not in caplog.text


def test_the_catalogue_sync_tells_staff_what_stripe_said_and_goes_on(missing: Any, as_superuser: Any) -> None:
    missing("plan_write")
    with pytest.raises(CommandError) as refused:
        call_command("sync_catalog", stdout=StringIO())

    lines = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["starter", "standard", "pro", "enterprise"]
    assert all(needs("plan_write") in line for line in lines)
    assert "Run the command again" not in str(refused.value), "it would be refused again"
    assert not Package.objects.filter(stripe_product_id="").exists(), "what could be done was done for each"

    package = Package.objects.get(code="pro")
    button = button_of(package, "sync")
    read(as_superuser, button)
    (told,) = messages_after(as_superuser.post(button, {"_form_submitted": "True"}))
    assert needs("plan_write") in told


def test_a_reconciliation_that_stripe_refuses_keeps_the_reason_for_staff(
    missing: Any, as_superuser: Any
) -> None:
    missing("dispute_read")
    with pytest.raises(CommandError) as refused:
        call_command("reconcile")

    run = ReconciliationRun.objects.get()
    reason = needs("dispute_read")
    assert reason in run.failure
    assert reason in read(as_superuser, f"/admin/reconciliation/reconciliationrun/{run.pk}/change/").replace(
        "&#x27;", "'"
    )
    assert reason in str(refused.value)
    assert str(refused.value).endswith(f"Fix that, then continue with `reconcile --resume {run.pk}`.")


def test_a_reconciliation_that_stripe_did_not_answer_can_just_go_on(sandbox: Sandbox) -> None:
    sandbox.fault(method="GET", path="/v1/checkout/sessions", status=503, times=None)
    with pytest.raises(CommandError, match=r"Progress is saved; continue with `reconcile --resume \d+`"):
        call_command("reconcile")


def test_a_buyer_reads_nothing_of_it_and_is_not_told_to_try_again(missing: Any) -> None:
    missing("checkout_session_write")
    buyer = browser_of(UserFactory.create())
    problem = assert_problem(post_json(buyer, "purchase", {"package_code": "pro"}), 502, "stripe_refused")
    assert problem["detail"] == "Stripe refused the request."

    page = buyer.post("/credits/buy", BUY, follow=True).content.decode()
    assert "The checkout couldn’t be opened. Nothing was charged. Please contact support." in page
    for text in (page, str(problem)):
        assert "rak_" not in text
        assert "req_" not in text


def test_what_can_pass_by_itself_may_be_tried_again(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=503, times=None)
    page = browser_of(UserFactory.create()).post("/credits/buy", BUY, follow=True)
    assert "Nothing was charged. Please try again." in page.content.decode()
