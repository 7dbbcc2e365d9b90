"""A buyer puts an abandoned checkout away: it is closed at Stripe, and what was paid meanwhile isn't lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from billing.purchases.models import Purchase
from billing.purchases.selectors import MOST_OPEN, purchases_of, recent_purchases
from billing.reconciliation.comparing import sweep_open_purchases
from billing.stripe import gateway as stripe_gateway
from credits.ledger.models import Account
from tests.billing.calling import browser_of, stripe_posts
from tests.browser.rows import make_purchase
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox
from tests.teams.builders import join

pytestmark = pytest.mark.django_db(transaction=True)
Status = Purchase.Status
HISTORY = "/credits/history/?status=pending"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


@pytest.fixture
def purchase(user: User) -> Purchase:
    return start(user).purchase


def dismiss(user: User, purchase: Purchase) -> tuple[Any, str]:
    """Press the button in the history. Gives the purchase's status and the page that is shown then."""
    client = browser_of(user)
    answer = client.post(f"/credits/purchases/{purchase.pk}/dismiss", {"next": HISTORY})
    assert (answer.status_code, answer["Location"]) == (302, HISTORY)
    purchase.refresh_from_db()
    return purchase.status, client.get(HISTORY).content.decode()


def test_an_abandoned_checkout_can_be_paid_no_more(user: User, purchase: Purchase, sandbox: Sandbox) -> None:
    assert "Dismiss" in browser_of(user).get(HISTORY).content.decode()
    status, page = dismiss(user, purchase)

    assert (status, sandbox.objects("checkout.session")[0]["status"]) == ("expired", "expired")
    assert "Checkout dismissed. Nothing was charged." in page
    last = purchase.events.last()
    assert last is not None
    assert (last.what, last.source) == ("checkout_expired", "page")
    assert recent_purchases(purchases_of(user), 5) == []
    sandbox.release_webhooks()
    calls = len(stripe_posts(sandbox))
    assert dismiss(user, purchase)[0] == "expired"  # pressed again: nobody is asked
    assert len(stripe_posts(sandbox)) == calls


def test_what_was_paid_a_moment_ago_is_credited_and_said(
    user: User, purchase: Purchase, sandbox: Sandbox
) -> None:
    sandbox.pay(purchase.stripe_session_id or "")
    status, page = dismiss(user, purchase)

    assert (status, Account.objects.get().balance) == ("completed", purchase.credits)
    assert "This purchase was paid before it could be dismissed. Its credits have been added." in page


def test_a_payment_under_way_is_not_dismissed(user: User, purchase: Purchase, sandbox: Sandbox) -> None:
    sandbox.pay_later(purchase.stripe_session_id or "")
    status, page = dismiss(user, purchase)

    assert status == "processing"
    assert "its payment is in progress" in page
    assert "Dismiss" not in browser_of(user).get("/credits/history/").content.decode()


def test_what_was_held_back_is_being_checked(user: User, purchase: Purchase, sandbox: Sandbox) -> None:
    Purchase.objects.update(price_minor=1)
    sandbox.pay(purchase.stripe_session_id or "")
    status, page = dismiss(user, purchase)

    assert (status, purchase.attention) == ("pending", "amount_differs")
    assert "A payment arrived for this purchase. We’re reviewing it." in page


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"status": None}])
def test_without_stripes_word_nothing_is_claimed(
    user: User, purchase: Purchase, sandbox: Sandbox, settings: Any, fault: dict[str, Any]
) -> None:
    settings.STRIPE_MAX_NETWORK_RETRIES = 0
    sandbox.fault(method="POST", path="/v1/checkout/sessions/*/expire", times=1, **fault)
    status, page = dismiss(user, purchase)

    assert status == "pending"
    assert "The checkout couldn’t be dismissed." in page
    assert dismiss(user, purchase)[0] == "expired"


def test_dying_after_stripe_has_closed_it_leaves_it_to_the_sweeper(
    user: User, purchase: Purchase, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stripe_gateway, "retrieve_session", die)
        with pytest.raises(KeyboardInterrupt):
            dismiss(user, purchase)
    settings.SWEEP_AFTER = timedelta(0)
    sweep_open_purchases()

    purchase.refresh_from_db()
    assert purchase.status == "expired"


def test_one_that_is_just_being_opened_is_left_alone(
    user: User, purchase: Purchase, sandbox: Sandbox
) -> None:
    Purchase.objects.update(stripe_session_id=None, checkout_url="")
    calls = len(sandbox.calls())
    status, page = dismiss(user, purchase)

    assert (status, len(sandbox.calls())) == ("pending", calls)
    assert "This checkout is still opening." in page


def test_nobody_dismisses_what_another_is_about_to_pay(user: User, sandbox: Sandbox) -> None:
    team = create_team(user, "Acme")
    mate = UserFactory()
    join(team, mate)
    theirs = start(mate, team_id=team.pk).purchase
    for other in (user, UserFactory(is_superuser=True)):
        answer = browser_of(other).post(f"/credits/purchases/{theirs.pk}/dismiss")
        assert answer.status_code == 404
    assert browser_of(mate).get(f"/credits/purchases/{theirs.pk}/dismiss").status_code == 405
    assert sandbox.objects("checkout.session")[0]["status"] == "open"


def test_abandoned_checkouts_push_no_payment_out_of_the_recent_purchases(user: User) -> None:
    under_way = make_purchase(user, Status.PROCESSING)
    done = make_purchase(user, Status.COMPLETED)
    Purchase.objects.filter(pk=done.pk).update(created_at=timezone.now() - timedelta(days=400))
    for status in (Status.PENDING, Status.EXPIRED):
        for _ in range(MOST_OPEN + 5):
            make_purchase(user, status)

    rows = recent_purchases(purchases_of(user), 5)
    assert len(rows) == MOST_OPEN + 1
    assert (rows[-2], rows[-1]) == (under_way, done)
    assert {row.status for row in rows[:-2]} == {"pending"}
    for _ in range(6):
        make_purchase(user, Status.COMPLETED)
    rows = recent_purchases(purchases_of(user), 5)
    assert under_way in rows
    assert [row.status for row in rows].count("completed") == 5
