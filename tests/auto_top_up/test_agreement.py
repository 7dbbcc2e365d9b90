"""Automatic top-up charges what its owner agreed to, and stops, with a mail, where it can't go on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.auto_top_up.attempts import charged_this_month
from billing.auto_top_up.models import Attempt, AutoTopUp
from billing.auto_top_up.setting import Wish, turn_on
from billing.auto_top_up.staff import suspend
from billing.auto_top_up.watching import watch
from billing.errors import InvalidLimit
from billing.packages.models import Package
from billing.privacy.erasure import erase_user
from tests.auto_top_up.saving import paid, save_card, set_up, tick
from tests.billing.calling import browser_of
from tests.billing.worker import run_worker
from tests.discounts.making import make_sale
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(sandbox: Sandbox) -> User:
    put_on_sale()
    user: User = UserFactory(email="ada@example.com")
    return user


def let_time_pass() -> None:
    AutoTopUp.objects.exclude(retry_at=None).update(retry_at=timezone.now(), asked_at=None)


def subjects() -> list[Any]:
    run_worker()
    return [message.subject for message in mail.outbox if "top-up" in message.subject]


@pytest.mark.parametrize("change", [{"price_minor": 9000}, {"credits": 500}])
def test_a_price_that_was_not_agreed_to_is_not_charged(
    sandbox: Sandbox, ada: User, change: dict[str, int]
) -> None:
    account = save_card(sandbox, ada)
    row = set_up(ada, account, threshold=1500)
    Package.objects.filter(code="starter").update(**change)
    tick()
    row.refresh_from_db()
    assert (row.state, row.reason, paid(sandbox)) == ("suspended", "price_changed", [])
    assert subjects() == ["Automatic top-up is suspended"]
    set_up(ada, account, threshold=1500)  # agrees to it now
    tick()
    assert len(paid(sandbox)) == 1


def test_a_sales_price_is_no_agreement_and_a_lower_price_is_fine(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    sale = make_sale(50)
    row = set_up(ada, account, threshold=1500)
    assert row.consent is not None
    assert ("$10.00" in row.consent.wording, row.agreed_minor) == (True, 1000)
    tick()
    sale.delete()
    set_up(ada, account, threshold=2500)
    tick()
    assert [intent["amount"] for intent in paid(sandbox)] == [500, 1000]


def test_an_erased_admins_consent_for_the_team_stays(sandbox: Sandbox, ada: User) -> None:
    bob: User = UserFactory(email="bob@example.com")
    team = create_team(ada, "Engines")
    Membership.objects.create(team=team, user=bob, role=Role.ADMIN)
    account = save_card(sandbox, ada, team_id=team.pk)
    set_up(bob, account, threshold=1500)
    erase_user(bob.pk)
    tick()
    assert (Attempt.objects.get().outcome, Attempt.objects.get().purchase.user) == ("succeeded", ada)


def test_what_stripe_refuses_is_not_tried_for_ever(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    row = set_up(ada, account, threshold=1500)
    sandbox.fault(method="POST", path="/v1/payment_intents", status=400, times=99)
    for _ in range(5):
        tick()
        let_time_pass()
    row.refresh_from_db()
    assert (row.state, row.reason, Attempt.objects.count()) == ("suspended", "refused", 3)
    assert subjects() == ["Automatic top-up is suspended"]


def test_each_currency_has_a_limit_of_its_own(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    set_up(ada, account, threshold=1500)
    tick()
    Package.objects.filter(code="starter").update(currency="jpy", price_minor=800)
    row = turn_on(ada, account, Wish(Decimal(3000), Decimal(1500), "starter", consents=True))
    assert charged_this_month(row).minor == 0
    tick()
    assert [intent["currency"] for intent in paid(sandbox)] == ["usd", "jpy"]


def test_the_watch_asks_no_more_however_many_there_are(sandbox: Sandbox, ada: User) -> None:
    counts = []
    for _ in range(3):
        user = UserFactory()
        set_up(user, save_card(sandbox, user), threshold=1)
        with CaptureQueriesContext(connection) as queries:
            watch()
        counts.append(len(queries))
    assert counts[0] == counts[-1]


def test_what_staff_suspended_is_not_said_to_be_on(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    suspend(set_up(ada, account, threshold=1500).pk)
    form = {
        "threshold": "1500",
        "package": "starter",
        "monthly_limit": "50",
        "consent": "on",
        "shown_for": "personal",
    }
    said = browser_of(ada).post("/credits/billing/auto-top-up", form, follow=True).content.decode()
    assert ("Automatic top-up is on." in said, "Our staff have suspended" in said) == (False, True)


def test_huge_numbers_are_cut_or_refused(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    set_up(ada, account, threshold=60_000_000, limit=999_999_999)
    tick()
    assert Attempt.objects.get().purchase.quantity == 1000
    with pytest.raises(InvalidLimit):
        set_up(ada, account, limit=10**17)
