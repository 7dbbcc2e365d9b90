"""Every word of a buyer's pages comes out of the translations: each is shown in the pseudo-language."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.teams.invitations import invite
from accounts.teams.membership import create_team
from accounts.teams.models import Role, Team
from accounts.time_zones import zone_names
from billing.auto_top_up.models import AutoTopUp
from billing.customers.models import Consent
from billing.packages.models import Package
from billing.plans.models import Plan
from billing.purchases.models import Purchase
from billing.subscriptions.models import Subscription, Terms
from credits.ledger import operations as ledger
from tests.billing.calling import browser_of
from tests.credits_pages.builders import book, lot_for
from tests.receipts.papers import paid, pending, refunded
from tests.support.builders import UserFactory, make_saved_card, put_on_sale
from tests.support.pseudo_language import PSEUDO, offer_pseudo_language, untranslated
from tests.support.visible_text import WORD, VisibleText

pytestmark = pytest.mark.django_db

# Cards and wallets, currencies, zones, Stripe, and the languages' own names.
ZONES = frozenset(word for name in zone_names() for word in WORD.findall(name))
NAMES = ZONES | frozenset(
    {
        "Visa",
        "Stripe",
        "USD",
        "EUR",
        "JPY",
        "GBP",
        "example",
        "com",
        "English",
        "Deutsch",
        "Français",
        "Español",
    }
)


@pytest.fixture
def buyer(settings: Any) -> User:
    """Somebody with everything that a page can show, all of it named by numbers."""
    offer_pseudo_language(settings)
    settings.SITE_NAME = settings.SELLER_NAME = "33"
    settings.SUPPORT_EMAIL = "8@8.88"
    settings.OIDC_PROVIDER_NAME = "44"
    settings.REFERRAL_REWARD = Decimal(500)
    put_on_sale("demo")
    for model in (Package, Plan):
        model._default_manager.update(name="55", description="66")
    Plan.objects.update(stripe_price_id=F("code"), stripe_price_minor=F("price_minor"), stripe_currency="usd")
    user: User = UserFactory.create(username="1", email="1@1.77", language=PSEUDO, time_zone="UTC")
    account = ledger.open_account(user)
    book(account, 1000)
    lot_for(account, 5)
    make_saved_card(account)
    pending(user, package_name="55")
    refunded(paid(user, package_name="55"), 100)
    return user


def with_plan_and_top_up(user: User) -> None:
    account = ledger.open_account(user)
    row = Subscription.objects.create(
        account=account,
        created_by=user,
        status="past_due",
        stripe_subscription_id="5",
        stripe_price_id="plus",
        period_end=timezone.now(),
    )
    Terms.of_plan(row, Plan.objects.get(code="plus"))
    AutoTopUp.objects.create(
        account=account,
        consent=Consent.objects.get(),
        state="needs_confirmation",
        reason="authentication_required",
        threshold=500,
        package_code="starter",
        currency="usd",
        monthly_limit_minor=10_000,
    )


def plain_words(client: Client, page: str) -> list[str]:
    """The words that a page shows or reads out and no translator could reach."""
    answer = client.get(page)
    assert answer.status_code == (404 if "nowhere" in page else 200), page
    html = answer.content.decode()
    assert f'<html lang="{PSEUDO}" dir="ltr">' in html, page
    reader = VisibleText()
    reader.feed(html)
    reader.close()
    return untranslated(" ".join(reader.found), NAMES)


def team_of(user: User) -> Team:
    team = create_team(user, "77")
    invite(user, team.pk, "2@example.com", Role.MEMBER)
    return team


def test_every_word_of_the_buyers_pages_can_be_translated(buyer: User) -> None:
    team = team_of(buyer)
    client = browser_of(buyer)
    purchase = Purchase.objects.filter(user=buyer, status__in=("completed", "partially_refunded")).latest(
        "created_at"
    )
    Purchase.objects.filter(pk=purchase.pk).update(stripe_session_id="cs_test_5")
    pages = [
        "",
        "statement/",
        "history/",
        "billing/",
        "gift/",
        "redeem/",
        "nowhere/",
        "success?session_id=cs_test_5",
    ]
    for page in (*(f"/credits/{page}" for page in pages), "/teams/", f"/teams/{team.pk}/"):
        assert plain_words(client, page) == [], page
    with_plan_and_top_up(buyer)
    assert plain_words(client, "/credits/billing/") == []


def test_every_word_of_the_sign_in_page_can_be_translated(buyer: User) -> None:
    visitor = browser_of()
    visitor.post("/accounts/language", {"language": PSEUDO})
    assert plain_words(visitor, "/accounts/login/") == []


def test_a_word_that_is_not_marked_is_found(buyer: User) -> None:
    Package.objects.update(description="Plain words")
    assert set(plain_words(browser_of(buyer), "/credits/")) == {"Plain", "words"}
