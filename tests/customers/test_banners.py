"""Banners on the buyer's pages: what stands in the way of the next credits, one action each, gone once mended."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.auto_top_up.models import AutoTopUp
from billing.auto_top_up.setting import try_again
from billing.customers.methods import shown_methods
from billing.customers.models import Consent, SavedMethod
from billing.subscriptions.models import Subscription, SubscriptionInvoice, Terms
from credits.ledger.models import Account
from credits.ledger.operations import open_account, open_team_account
from credits.notices.models import BalanceAlert
from tests.auto_top_up.saving import (
    ASKS_EACH_TIME,
    DECLINES,
    STOLEN,
    VISA,
    replace_card,
    save_card,
    set_up,
    tick,
)
from tests.billing.calling import browser_of
from tests.customers.cards import click, confirm_at_bank
from tests.support.builders import UserFactory, make_saved_card, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ("/credits/", "/credits/statement/", "/credits/history/", "/credits/billing/")
BANNER = re.compile(r'<aside class="notice[^>]*aria-label="Billing">(.*?)</aside>', re.DOTALL)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


def banners(client: Client, page: str = "/credits/") -> list[str]:
    """The text of each banner, with its links."""
    found = BANNER.findall(client.get(page).content.decode())
    for each in found:
        assert each.count("<a ") + each.count("<button") == 1, each
    return [" ".join(re.sub(r"<(?!a )[^>]*>", " ", each).split()) for each in found]


def dated(card: SavedMethod, months: int) -> None:
    """The card's last month is so many months from now."""
    today = timezone.localdate()
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    SavedMethod.objects.filter(pk=card.pk).update(exp_year=year, exp_month=month + 1)


def top_up_of(account: Account, **facts: Any) -> AutoTopUp:
    consent = Consent.objects.filter(customer__account=account).first()
    defaults = {"threshold": 500, "package_code": "starter", "currency": "usd", "monthly_limit_minor": 10000}
    return AutoTopUp.objects.create(account=account, consent=consent, **{**defaults, "state": "on", **facts})


def owing(account: Account, **facts: Any) -> SubscriptionInvoice:
    plan = Subscription.objects.create(
        account=account,
        stripe_price_id="price_1",
        stripe_subscription_id=f"sub_{account.pk}",
        status="past_due",
    )
    Terms.objects.create(
        subscription=plan,
        stripe_price_id="price_1",
        plan_code="plus",
        plan_name="Plus",
        credits=5000,
        price_minor=4000,
        currency="usd",
        interval="month",
        rollover="none",
    )
    defaults = {"status": "open", "amount_minor": 4000, "currency": "usd", "attempted": True}
    return SubscriptionInvoice.objects.create(
        subscription=plan,
        stripe_invoice_id=f"in_{account.pk}",
        hosted_url="https://stripe.example/in_1",
        issued_at=timezone.now(),
        **{**defaults, **facts},
    )


def test_a_failed_payment_of_a_plan_is_told_on_every_page_until_it_is_paid(ada: User) -> None:
    account, browser = open_account(ada), browser_of(ada)
    invoice = owing(account)
    for page in PAGES:
        (told,) = banners(browser, page)
        assert "Your plan’s last payment failed." in told
        assert '<a class="button-quiet" href="https://stripe.example/in_1">Pay $40.00' in told
    SubscriptionInvoice.objects.filter(pk=invoice.pk).update(status="paid")
    Subscription.objects.update(status="active")
    assert banners(browser) == []


def test_a_payment_that_the_bank_still_processes_is_no_failed_one(ada: User) -> None:
    owing(open_account(ada))
    Subscription.objects.update(status="active")
    assert banners(browser_of(ada)) == []


def test_a_declined_card_leads_to_another_and_is_gone_with_it(sandbox: Sandbox, ada: User) -> None:
    account, browser = save_card(sandbox, ada, DECLINES), browser_of(ada)
    set_up(ada, account, threshold=1500)
    tick()
    (told,) = banners(browser)
    assert "Your bank declined an automatic top-up with Visa •••• 0341. We’ll try again on" in told
    assert 'href="/credits/billing/#cards">Use another card' in told
    assert "Try Visa •••• 0341 again" in browser.get("/credits/billing/").content.decode()
    AutoTopUp.objects.update(declines=2)
    try_again(ada, account)
    AutoTopUp.objects.update(declines=2)
    tick()
    (told,) = banners(browser)
    assert "Automatic top-up has stopped: Visa •••• 0341 was declined three times in a row." in told

    replace_card(sandbox, account, VISA)
    assert banners(browser) == []


def test_a_stolen_card_is_told_at_once(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, STOLEN)
    set_up(ada, account, threshold=1500)
    tick()
    (told,) = banners(browser_of(ada))
    assert "Automatic top-up has stopped: your bank doesn’t accept Visa •••• 9979 any more." in told


@pytest.mark.parametrize("custom", [False, True])
def test_a_confirmed_payment_ends_the_banner_and_automatic_top_up_goes_on(
    sandbox: Sandbox, ada: User, custom: bool
) -> None:
    account, browser = save_card(sandbox, ada, ASKS_EACH_TIME), browser_of(ada)
    bought: dict[str, Any] = {"amount": Decimal(20), "currency": "usd"} if custom else {}
    put_on_sale("demo")
    row = set_up(ada, account, 1500, **bought)
    tick()
    (told,) = banners(browser)
    assert "Your bank wants you to confirm an automatic top-up with Visa •••• 3184." in told
    assert 'href="/credits/billing/#automatic">Confirm the payment' in told

    answer = browser.post("/credits/buy", buttons_of(browser))
    back = confirm_at_bank(answer["Location"], "fail")
    assert "Payment failed" in browser.get(back, follow=True).content.decode()
    assert len(banners(browser)) == 1

    answer = browser.post("/credits/buy", buttons_of(browser))
    back = confirm_at_bank(answer["Location"])
    assert "Payment complete" in browser.get(back, follow=True).content.decode()
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.state, row.declines, account.balance) == ("on", 0, 3000 if custom else 2000)
    assert banners(browser) == []


def buttons_of(browser: Client) -> dict[str, str]:
    """The fields of the form that pays for what the bank asked about."""
    page = browser.get("/credits/billing/").content.decode()
    form = page.split('action="/credits/buy"')[1].split("</form>")[0]
    return dict(re.findall(r'name="([a-z_]+)" value="([^"]*)"', form))


def test_without_the_page_the_watch_finds_the_confirmed_payment(sandbox: Sandbox, ada: User) -> None:
    account, browser = save_card(sandbox, ada, ASKS_EACH_TIME), browser_of(ada)
    row = set_up(ada, account, threshold=1500)
    tick()
    answer = browser.post("/credits/buy", buttons_of(browser))
    tick()
    row.refresh_from_db()
    assert row.state == "needs_confirmation"  # not yet confirmed
    confirm_at_bank(answer["Location"])
    sandbox.wait_for_webhooks()
    tick()
    row.refresh_from_db()
    assert row.state == "on"


def test_an_earlier_purchase_with_the_card_confirms_nothing(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, ASKS_EACH_TIME)
    bought = click(ada, shown_methods(account)[0].row.pk)
    confirm_at_bank(bought.checkout_url)
    sandbox.wait_for_webhooks()
    row = set_up(ada, account, threshold=6500)
    tick()
    tick()
    row.refresh_from_db()
    assert (row.state, row.attempts.count()) == ("needs_confirmation", 1)


@pytest.mark.parametrize(
    ("months", "told"),
    [
        (2, None),
        (1, "expires at the end of"),
        (0, "expires at the end of"),
        (-1, "has expired, and automatic top-up"),
    ],
)
def test_a_card_is_told_of_before_it_expires_if_something_depends_on_it(
    ada: User, months: int, told: str | None
) -> None:
    account, browser = open_account(ada), browser_of(ada)
    card = make_saved_card(account)
    dated(card, months)
    assert banners(browser) == []  # nothing depends on it
    row = top_up_of(account)
    assert [told in each for each in banners(browser) if told] == ([True] if told else [])
    make_saved_card(account, "5555")
    assert banners(browser) == []  # the newer one is charged
    AutoTopUp.objects.filter(pk=row.pk).update(state="off")
    assert banners(browser) == []


def test_a_plans_cards_are_told_of_once_all_of_them_end(ada: User) -> None:
    account, browser = open_account(ada), browser_of(ada)
    cards = [make_saved_card(account), make_saved_card(account, "5555")]
    Consent.objects.update(withdrawn_at=timezone.now())
    owing(account, status="paid")
    Subscription.objects.update(status="active")
    dated(cards[0], 0)
    assert banners(browser) == []
    dated(cards[1], 1)
    (told,) = banners(browser)
    assert "and your plan charges it" in told
    Subscription.objects.update(cancel_at_period_end=True)
    assert banners(browser) == []


def test_the_gravest_come_first_and_never_more_than_two(sandbox: Sandbox, ada: User) -> None:
    account = open_account(ada)
    card = make_saved_card(account)
    owing(account)
    top_up_of(account, state="suspended", reason="hard_decline", declines=1, declined_method=card)
    dated(card, -1)
    first, second = banners(browser_of(ada))
    assert ("payment failed" in first, "doesn’t accept" in second) == (True, True)
    BalanceAlert.objects.create(account=account, threshold=100, below=True, crossed_at=timezone.now())
    page = browser_of(ada).get("/credits/").content.decode()
    assert (page.count('class="notice'), "payment failed" in page, "below the alert level" in page) == (
        2,
        True,
        True,
    )


def test_a_teams_banners_are_for_who_manages_its_billing(ada: User) -> None:
    team = create_team(ada, "Engines")
    owing(open_team_account(team))
    roles = (Role.MEMBER, Role.ADMIN)
    others = [Membership.objects.create(team=team, user=UserFactory(), role=role).user for role in roles]
    seen = []
    for user in (ada, *others):
        browser = browser_of(user)
        assert banners(browser) == []  # not while acting for themselves
        browser.post("/teams/switch", {"team": str(team.pk)})
        seen.append(len(banners(browser)))
    assert seen == [1, 0, 1]


def test_what_only_staff_can_mend_asks_the_buyer_for_nothing(ada: User) -> None:
    account, browser = open_account(ada), browser_of(ada)
    make_saved_card(account)
    top_up_of(account, state="suspended", reason="staff", declines=1)
    assert banners(browser) == []
    assert "Our staff suspended automatic top-up." in browser.get("/credits/billing/").content.decode()
    AutoTopUp.objects.update(reason="not_sold")
    assert "no longer on sale" in banners(browser)[0]


@pytest.mark.parametrize("page", PAGES)
def test_banners_take_one_query_however_much_there_is_to_say(ada: User, page: str) -> None:
    account, browser = open_account(ada), browser_of(ada)

    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(page).status_code == 200
        return [each["sql"] for each in captured if "hosted_url" in each["sql"]]

    browser.get(page)
    without = queries()
    card = make_saved_card(account)
    owing(account)
    top_up_of(account, state="suspended", reason="hard_decline", declines=1, declined_method=card)
    assert (len(without), len(queries())) == (1, 1)
    assert len(banners(browser, page)) == 2


def test_a_refused_form_leaves_the_rest_of_the_page_as_it_is(sandbox: Sandbox, ada: User) -> None:
    save_card(sandbox, ada)
    put_on_sale("demo")
    browser = browser_of(ada)
    form = {"shown_for": "personal", "threshold": "x", "package": "starter", "monthly_limit": "50"}
    answer = browser.post("/credits/billing/auto-top-up", form)
    page = answer.content.decode()
    assert (answer.status_code, "Enter a number above zero" in page) == (422, True)
    assert ("Visa •••• 4242" in page, "Invoices and details at Stripe" in page) == (True, True)
