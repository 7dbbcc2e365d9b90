"""No saved card is charged for what is taxed, as only the checkout knows the tax."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from accounts.models import User
from billing.auto_top_up.models import AutoTopUp
from billing.customers.models import SavedMethod
from billing.errors import TaxNeedsCheckout
from billing.purchases.models import Purchase
from tests.auto_top_up.saving import save_card, set_up, spend_all_but, tick
from tests.billing.calling import API, browser_of
from tests.billing.worker import run_worker
from tests.support.builders import start
from tests.support.sandbox import Sandbox
from tests.teams.forms import form_on

pytestmark = pytest.mark.django_db(transaction=True)


def test_neither_a_click_nor_automatic_top_up_charges_untaxed(
    sandbox: Sandbox, ada: User, settings: Any
) -> None:
    settings.TAX = "off"
    account = save_card(sandbox, ada)
    set_up(ada, account, currency="eur")
    browser, card = browser_of(ada), SavedMethod.objects.get()
    assert "Buy with Visa" in browser.get("/credits/").content.decode()

    settings.TAX = "stripe"
    assert "Buy with Visa" not in browser.get("/credits/").content.decode()
    for how in ({"by_default_card": True}, {"card_id": card.pk}):
        with pytest.raises(TaxNeedsCheckout):
            start(ada, **how)
    answer = browser.post(
        f"{API}top-ups", {"package_code": "starter"}, "application/json", HTTP_IDEMPOTENCY_KEY="once"
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "tax_needs_checkout")
    form = {**form_on(browser, "/credits/", "/credits/buy"), "card": str(card.pk)}
    said: Any = browser.post("/credits/buy", form, follow=True)
    assert "Please use the checkout." in said.content.decode()

    spend_all_but(account, 100)
    tick()
    row = AutoTopUp.objects.get()
    assert (row.state, row.reason) == ("suspended", "taxed")
    with pytest.raises(TaxNeedsCheckout):
        set_up(ada, account)
    run_worker()
    assert "automatic top-up was suspended. Nothing was charged." in mail.outbox[-1].body
    assert "tax is calculated at the checkout only" in browser.get("/credits/billing/").content.decode()
    assert Purchase.objects.count() == 1

    settings.TAX_POINT = "spend"
    assert start(ada, by_default_card=True).purchase.status == "completed"
    spend_all_but(account, 100, key="again")
    set_up(ada, account)
    assert tick() == 1
    assert [each.tax_note for each in Purchase.objects.order_by("created_at")] == ["", "voucher", "voucher"]
