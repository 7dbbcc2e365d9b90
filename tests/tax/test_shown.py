"""Buyers, staff and programs see the tax beside what was paid, and why there is none."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.receipts.issuing import file_of, issue_receipt
from billing.reporting.daily_figures import bring_figures_up_to_date
from tests.admin.pages import button_of, read
from tests.billing.calling import API, browser_of, post_json
from tests.billing.reporting import show_success_page
from tests.billing.worker import run_worker
from tests.receipts.papers import text_of
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in
from tests.tax.paying import pay, prove

pytestmark = pytest.mark.django_db(transaction=True)


def test_everyone_sees_the_tax_in_what_was_paid(sandbox: Sandbox, ada: User, admin_user: User) -> None:
    Package.objects.update(currency="usd")
    purchase = pay(sandbox, ada)
    browser, boss = browser_of(ada), sign_in(admin_user)
    assert "Tax is added at the checkout." in browser.get("/credits/").content.decode()
    done = show_success_page(ada, str(purchase.stripe_session_id))
    assert "$11.90" in done
    assert "Tax included</dt><dd>$1.90" in done
    shown = browser.get("/credits/history/").content.decode()
    assert '$11.90 <span class="minor">incl. $1.90 tax' in shown
    (told,) = browser.get(f"{API}history").json()
    assert (told["price"], told["tax"], told["promotion"], told["amount_paid"]) == (10.0, 1.9, 0.0, 11.9)
    run_worker()
    message: Any = mail.outbox[0]
    assert "Amount paid: $11.90\nTax included:   $1.90\n" in message.body
    assert "$1.90" in message.alternatives[0].content
    page = read(boss, f"/admin/purchases/purchase/{purchase.pk}/change/")
    for part in ("Tax, on top of the price", "$1.90", "Net amount", "$10.00"):
        assert part in page
    assert "$1.90" in read(boss, f"/admin/purchases/payment/{purchase.payment.pk}/change/")  # type: ignore[union-attr]
    assert "$11.90 incl. $1.90 tax" in read(boss, button_of(purchase, "refund"))
    bring_figures_up_to_date()
    assert "$1.90" in read(boss, "/admin/")


def test_a_quote_says_that_only_the_checkout_knows_the_tax(
    sandbox: Sandbox, ada: User, settings: Any
) -> None:
    browser, order = browser_of(ada), {"package_code": "starter"}
    Package.objects.filter(code="standard").update(price_minor=0)
    answers = [post_json(browser, "quote", order).json()]
    answers.append(post_json(browser, "quote", {"package_code": "standard"}).json())
    settings.TAX_POINT = "spend"
    answers.append(post_json(browser, "quote", order).json())
    assert [(each["tax"], each["tax_calculated"]) for each in answers] == [
        (0.0, "at_checkout"), (0.0, "never"), (0.0, "never"),
    ]  # fmt: skip
    calls = [each for each in sandbox.calls() if each["path"].startswith("/v1/tax")]
    assert calls == []


def test_a_receipt_says_why_there_is_no_tax(sandbox: Sandbox, ada: User, settings: Any) -> None:
    reversed_ = pay(sandbox, ada, "FR", tax_id="FR12345678901")
    assert reversed_.tax_minor == 0
    # A receipt that can't say it yet isn't written.
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=503, times=2)
    answer = browser_of(ada).get(f"{API}purchases/{reversed_.pk}/receipt")
    assert (answer.status_code, reversed_.receipts.count()) == (502, 0)
    sandbox.delete("/_sandbox/faults")
    run_worker()
    paper = text_of(file_of(issue_receipt(reversed_.pk)).content)
    assert "Reverse charge: the recipient is liable for the tax." in paper
    assert "Tax" not in paper
    assert "No tax:      Reverse charge" in mail.outbox[-1].body

    elsewhere = pay(sandbox, ada, "US")
    run_worker()
    assert Purchase.objects.get(pk=elsewhere.pk).tax_note == ""
    assert "Reverse charge" not in text_of(file_of(issue_receipt(elsewhere.pk)).content)

    settings.TAX_POINT = "spend"
    voucher = pay(sandbox, ada)
    assert "Multi-purpose voucher" in text_of(file_of(issue_receipt(voucher.pk)).content)
    prove()
