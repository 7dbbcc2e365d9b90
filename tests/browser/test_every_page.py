"""What holds for every page in every state: no barrier that axe finds, no sideways scrolling, no breach of policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.teams.membership import create_team
from billing.auto_top_up.models import AutoTopUp
from billing.customers.models import Consent
from billing.packages.models import Package
from billing.plans.models import Plan
from billing.purchases.models import Purchase
from billing.subscriptions.models import Subscription, SubscriptionInvoice, Terms
from credits.ledger import operations as ledger
from tests.browser.barriers import INLINE, expect_no_barriers
from tests.browser.rows import grant_with_hold, make_purchase
from tests.browser.walking import OpenPage, buy_button
from tests.support.builders import UserFactory, make_saved_card, put_on_sale
from tests.teams.builders import join

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Status = Purchase.Status
NOBODY_LISTENS = "http://127.0.0.1:9"


@dataclass
class Visit:
    """What leads to a page: who reads it, and what may be broken on the way."""

    page: Page
    buyer: User
    break_history: Callable[[Exception], None]
    settings: Any


def shop_with_purchases(visit: Visit) -> None:
    put_on_sale()
    Package.objects.filter(code="enterprise").update(badge="best_value", validity_days=365)
    grant_with_hold(visit.buyer, 16_050, 1_200)
    for status in Status.values:
        make_purchase(visit.buyer, status)
    visit.page.goto("/credits/")


def shop_with_card(visit: Visit) -> None:
    put_on_sale()
    make_saved_card(ledger.open_account(visit.buyer), brand="amex", wallet="samsung_pay")
    visit.page.goto("/credits/")
    expect(visit.page.locator(".offer-card")).to_have_count(4)


def billing(visit: Visit) -> None:
    account = ledger.open_account(visit.buyer)
    make_saved_card(account, "0341", exp_year=2020)
    make_saved_card(account, "3184", wallet="apple_pay")
    without_consent = make_saved_card(account)
    Consent.objects.filter(stripe_payment_method_id=without_consent.stripe_payment_method_id).update(
        withdrawn_at=timezone.now()
    )
    visit.page.goto("/credits/billing/")


def shop_with_plans(visit: Visit) -> None:
    put_on_sale("demo")
    Plan.objects.update(stripe_price_id=F("code"), stripe_price_minor=F("price_minor"), stripe_currency="usd")
    visit.page.goto("/credits/")


def billing_inviting(visit: Visit) -> None:
    visit.settings.REFERRAL_REWARD = Decimal(500)
    visit.page.goto("/credits/billing/")
    expect(visit.page.get_by_label("Your link")).to_be_visible()


def billing_with_plan(visit: Visit) -> None:
    put_on_sale("demo")
    Plan.objects.update(stripe_price_id=F("code"), stripe_price_minor=F("price_minor"), stripe_currency="usd")
    row = Subscription.objects.create(
        account=ledger.open_account(visit.buyer),
        created_by=visit.buyer,
        status="past_due",
        stripe_subscription_id="sub_1",
        stripe_price_id="plus",
        period_end=timezone.now(),
    )
    Terms.of_plan(row, Plan.objects.get(code="plus"))
    SubscriptionInvoice.objects.create(
        subscription=row,
        stripe_invoice_id="in_1",
        status="open",
        amount_minor=4000,
        currency="usd",
        hosted_url="https://example.com/",
        attempted=True,
        issued_at=timezone.now(),
    )
    visit.page.goto("/credits/billing/")


def billing_to_confirm(visit: Visit) -> None:
    put_on_sale()
    account = ledger.open_account(visit.buyer)
    card = make_saved_card(account, "3184")
    AutoTopUp.objects.create(
        account=account,
        consent=Consent.objects.get(),
        state="needs_confirmation",
        reason="authentication_required",
        declines=1,
        declined_method=card,
        threshold=500,
        package_code="starter",
        currency="usd",
        monthly_limit_minor=10_000,
    )
    visit.page.goto("/credits/billing/")
    expect(visit.page.get_by_role("button", name="Pay $10.00 with Visa •••• 3184")).to_be_visible()
    expect(visit.page.get_by_role("link", name="Confirm the payment")).to_be_visible()


def empty_billing(visit: Visit) -> None:
    visit.page.goto("/credits/billing/")


def billing_of_a_member(visit: Visit) -> None:
    join(create_team(UserFactory.create(), "Analytical Engines"), visit.buyer)
    act_for_the_team(visit.page)
    visit.page.goto("/credits/billing/")


def declined_card(visit: Visit) -> None:
    put_on_sale()
    purchase = make_purchase(visit.buyer, Status.FAILED)
    card = make_saved_card(purchase.account)
    consent = Consent.objects.get(customer=card.customer)
    Purchase.objects.filter(pk=purchase.pk).update(
        charged_method=card, consent=consent, failure_code="insufficient_funds", stripe_session_id=None
    )
    visit.page.goto(f"/credits/success?session_id={purchase.pk}")
    expect(visit.page.get_by_text("The card doesn’t have enough funds.")).to_be_visible()


def empty_shop(visit: Visit) -> None:
    visit.page.goto("/credits/")


def shop_with_messages(visit: Visit) -> None:
    put_on_sale()
    visit.page.goto("/credits/")
    Package.objects.filter(code="pro").update(is_active=False)
    buy_button(visit.page, "Pro").click()
    expect(visit.page.get_by_role("alert")).to_be_visible()


def chosen_amount(amount: str) -> Callable[[Visit], None]:
    def visit_shop(visit: Visit) -> None:
        put_on_sale()
        visit.page.goto(f"/credits/amount?currency=usd&amount={amount}")

    return visit_shop


def history(visit: Visit) -> None:
    put_on_sale()
    for _ in range(5):
        for status in Status.values:
            make_purchase(visit.buyer, status, package_code="enterprise")
    make_purchase(visit.buyer, Status.PENDING, Purchase.Attention.AMOUNT_DIFFERS)
    visit.page.goto("/credits/history/")


def empty_history(visit: Visit) -> None:
    visit.page.goto("/credits/history/?status=failed")


def outcome(status: str, attention: str = "") -> Callable[[Visit], None]:
    def visit_outcome(visit: Visit) -> None:
        put_on_sale()
        purchase = make_purchase(visit.buyer, status, attention)
        visit.page.goto(f"/credits/success?session_id={purchase.stripe_session_id}")

    return visit_outcome


def sign_in(visit: Visit) -> None:
    visit.page.context.clear_cookies()
    visit.page.goto("/accounts/login/")


def sign_in_refused(visit: Visit) -> None:
    sign_in(visit)
    visit.page.fill("#id_username", "ada")
    visit.page.fill("#id_password", "wrong")
    visit.page.locator("form:has(#id_password) button").click()
    expect(visit.page.get_by_role("alert")).to_be_visible()


def signed_in_already(visit: Visit) -> None:
    visit.page.goto("/accounts/login/")


def not_found(visit: Visit) -> None:
    visit.page.goto("/credits/success?session_id=cs_test_nobodys")


def button_without_its_page(visit: Visit) -> None:
    visit.page.goto("/credits/buy")


def stale_form(visit: Visit) -> None:
    put_on_sale()
    visit.page.goto("/credits/")
    visit.page.context.clear_cookies(name=visit.settings.CSRF_COOKIE_NAME)
    buy_button(visit.page).click()
    expect(visit.page.get_by_text("This page expired")).to_be_visible()


def switched_accounts(visit: Visit) -> None:
    put_on_sale()
    create_team(visit.buyer, "Analytical Engines, department of difference")
    visit.page.goto("/credits/")
    act_for_the_team(visit.page.context.new_page())
    buy_button(visit.page).click()


def gift_after_a_switch(visit: Visit) -> None:
    create_team(visit.buyer, "Analytical Engines")
    visit.page.goto("/credits/gift/")
    act_for_the_team(visit.page.context.new_page())
    visit.page.fill("#id_email", "grace@example.com")
    visit.page.fill("#id_amount", "5")
    visit.page.get_by_role("button", name="Continue").click()
    expect(visit.page.get_by_role("alert")).to_be_visible()


def redeem(visit: Visit) -> None:
    visit.page.goto("/credits/redeem/")


def redeem_refused(visit: Visit) -> None:
    visit.page.goto("/credits/redeem/#7K3M-Q9TX-0ZB4-WHE2")
    visit.page.get_by_role("button", name="Redeem").click()
    expect(visit.page.get_by_text("This code isn’t valid.")).to_be_visible()


def act_for_the_team(page: Page) -> None:
    page.goto("/teams/")
    page.get_by_role("button", name="Switch").click()


def broken(error: Exception) -> Callable[[Visit], None]:
    def visit_broken(visit: Visit) -> None:
        visit.break_history(error)
        visit.page.goto("/credits/history/")

    return visit_broken


def too_fast(visit: Visit) -> None:
    visit.settings.PERSON_RATE = 0
    visit.page.goto("/credits/")


PAGES: dict[str, tuple[Callable[[Visit], None], str]] = {
    "shop": (shop_with_purchases, "Credits"),
    "shop_empty": (empty_shop, "Credits"),
    "shop_plans": (shop_with_plans, "Credits"),
    "billing_inviting": (billing_inviting, "Billing"),
    "billing_plan": (billing_with_plan, "Billing"),
    "shop_with_message": (shop_with_messages, "Credits"),
    "shop_with_an_amount": (chosen_amount("79.99"), "Credits"),
    "shop_with_a_wrong_amount": (chosen_amount("1"), "Credits"),
    "shop_with_card": (shop_with_card, "Credits"),
    "billing": (billing, "Billing"),
    "billing_to_confirm": (billing_to_confirm, "Billing"),
    "billing_empty": (empty_billing, "Billing"),
    "billing_of_a_member": (billing_of_a_member, "Billing"),
    "declined_card": (declined_card, "Payment failed"),
    "history": (history, "Purchase history"),
    "history_empty": (empty_history, "Purchase history"),
    "completed": (outcome(Status.COMPLETED), "5,000 credits added"),
    "completed_paid_twice": (
        outcome(Status.COMPLETED, Purchase.Attention.PAID_TWICE),
        "5,000 credits added",
    ),
    "pending": (outcome(Status.PENDING), "Processing your payment"),
    "processing": (outcome(Status.PROCESSING), "Processing your payment"),
    "failed": (outcome(Status.FAILED), "Payment failed"),
    "expired": (outcome(Status.EXPIRED), "Checkout expired"),
    "attention": (
        outcome(Status.PENDING, Purchase.Attention.AMOUNT_DIFFERS),
        "We’re reviewing your payment",
    ),
    "sign_in": (sign_in, "Sign in"),
    "sign_in_refused": (sign_in_refused, "Sign in"),
    "signed_in_already": (signed_in_already, "Sign in"),
    "not_found_404": (not_found, "Page not found"),
    "account_switched_409": (switched_accounts, "You switched accounts"),
    "gift_after_a_switch": (gift_after_a_switch, "Send credits"),
    "redeem": (redeem, "Redeem a code"),
    "redeem_refused": (redeem_refused, "Redeem a code"),
    "stale_form_403": (stale_form, "This page expired"),
    "forbidden_403": (broken(PermissionDenied()), "This account doesn’t have access"),
    "bad_request_400": (broken(SuspiciousOperation()), "We couldn’t understand that request"),
    "wrong_method_405": (button_without_its_page, "This address can’t be opened directly"),
    "database_away_503": (broken(OperationalError("on purpose")), "We’re temporarily unavailable"),
    "too_many_429": (too_fast, "Too many requests"),
    "server_error_500": (broken(RuntimeError("on purpose")), "Something went wrong"),
}


@pytest.fixture
def show(
    open_page: OpenPage, buyer: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Page]:
    """Opens a page of PAGES. Stripe is away meanwhile, so that a purchase is shown as it stands."""
    settings.STRIPE_API_BASE = NOBODY_LISTENS

    def break_history(error: Exception) -> None:
        def raise_it(*_: object) -> None:
            raise error

        monkeypatch.setattr("billing.pages.views.purchases_with_documents", raise_it)

    def open_it(name: str) -> Page:
        go, heading = PAGES[name]
        page = open_page(buyer)
        go(Visit(page, buyer, break_history, settings))
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        return page

    return open_it


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barrier_scrolls_one_way_and_keeps_its_policy(
    show: Callable[[str], Page], name: str
) -> None:
    page = show(name)
    expect_no_barriers(page)
    assert_complete_head(page)


def assert_complete_head(page: Page) -> None:
    assert page.title()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("link[rel=icon]").count() == 1


@pytest.mark.parametrize("name", ["shop", "completed", "processing", "sign_in", "server_error_500"])
def test_a_page_carries_the_strict_policy_and_nothing_inline(show: Callable[[str], Page], name: str) -> None:
    page = show(name)
    assert page.locator(INLINE).count() == 0
    answer = page.request.get(page.url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_breach_of_the_policy_would_be_heard(show: Callable[[str], Page], complaints: Any) -> None:
    """The listeners of every other test here do hear: without this one they could all be deaf."""
    page = show("shop_empty")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('style'), {textContent: 'p {}'}))"
    )
    page.wait_for_timeout(100)
    assert any("securitypolicyviolation" in heard for heard in complaints.heard)
    complaints.heard.clear()
