"""Buying with a saved card: one purchase and one payment, whatever dies, repeats, or is declined."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import IntegrityError, close_old_connections, transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.checkout.success import confirm_session
from billing.customers.methods import remove_method, shown_methods
from billing.errors import NoConsent, UnknownPaymentMethod
from billing.provider import provider
from billing.provider.errors import StripeRefused
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.reconciliation.comparing import sweep_open_purchases
from billing.refunds.models import Refund
from billing.refunds.refunding import RefundOrder, refund_purchase
from credits.ledger.models import Account, Entry
from credits.ledger.operations import open_account
from tests.billing.calling import stripe_posts
from tests.customers.cards import ASKS_EACH_TIME, DECLINES, STOLEN, charges, click, confirm_at_bank, save_card
from tests.support.builders import UserFactory, let_ask_again, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
INTENTS = "/v1/payment_intents"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


@pytest.fixture
def account(ada: User) -> Account:
    return open_account(ada)


def test_a_click_is_the_same_purchase_as_a_checkout(sandbox: Sandbox, ada: User, account: Account) -> None:
    card = save_card(sandbox, ada)
    started = click(ada, card)
    purchase = Purchase.objects.get(pk=started.purchase.pk)
    assert (purchase.status, purchase.paid_minor, purchase.consent is not None) == ("completed", 4500, True)
    assert started.checkout_url.endswith(f"session_id={purchase.pk}")
    (intent,) = charges(sandbox)
    assert (intent["metadata"]["purchase_id"], intent["customer"]) == (
        str(purchase.pk),
        account.customer.stripe_customer_id,
    )
    sandbox.wait_for_webhooks()
    payment = Payment.objects.get(purchase=purchase)
    assert (payment.last4, payment.is_accepted, purchase.has_own_receipt) == ("4242", True, True)
    assert confirm_session(ada, str(purchase.pk), PurchaseEvent.Source.SUCCESS_PAGE) == purchase
    account.refresh_from_db()
    assert account.balance == 6000


def test_a_second_click_is_the_same_purchase(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)

    def press(_: int) -> str:
        try:
            return str(click(ada, card).purchase.pk)
        except Exception as error:  # noqa: BLE001 - counted below
            return type(error).__name__
        finally:
            close_old_connections()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(press, range(4)))
    assert len({answer for answer in answers if "-" in answer}) == 1, answers
    again = click(ada, card)
    assert again.purchase.status == "completed"
    assert len(charges(sandbox)) == 1


def test_the_bank_may_ask_for_the_buyer(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada, ASKS_EACH_TIME)
    started = click(ada, card)
    assert (started.purchase.status, "/credits/success" in started.checkout_url) == ("pending", False)
    assert click(ada, card).checkout_url == started.checkout_url

    back = confirm_at_bank(started.checkout_url)
    assert parse_qs(urlsplit(back).query)["session_id"] == [str(started.purchase.pk)]
    let_ask_again()
    confirmed = confirm_session(ada, str(started.purchase.pk), PurchaseEvent.Source.SUCCESS_PAGE)
    assert confirmed.status == "completed"
    assert len(charges(sandbox)) == 1


@pytest.mark.parametrize("is_told", [True, False])
def test_a_buyer_who_fails_to_confirm_pays_nothing(sandbox: Sandbox, ada: User, is_told: bool) -> None:
    card = save_card(sandbox, ada, ASKS_EACH_TIME)
    if not is_told:
        sandbox.hold_webhooks()
    started = click(ada, card)
    confirm_at_bank(started.checkout_url, "fail")
    sandbox.wait_for_webhooks()
    let_ask_again()
    purchase = confirm_session(ada, str(started.purchase.pk), PurchaseEvent.Source.SUCCESS_PAGE)
    assert (purchase.status, bool(purchase.failure_code)) == ("failed", True)
    (intent,) = charges(sandbox)
    assert is_told or intent["status"] == "canceled"


@pytest.mark.parametrize("number", [DECLINES, STOLEN])
def test_a_declined_card_ends_the_purchase(sandbox: Sandbox, ada: User, number: str) -> None:
    card = save_card(sandbox, ada, number)
    purchase = click(ada, card).purchase
    assert purchase.status == "failed"
    assert purchase.failure_code == {DECLINES: "generic_decline", STOLEN: "stolen_card"}[number]
    sandbox.wait_for_webhooks()
    purchase.refresh_from_db()
    assert (purchase.status, charges(sandbox)[0]["status"]) == ("failed", "canceled")
    assert click(ada, card).purchase.pk == purchase.pk
    assert click(ada, card, "another").purchase.pk != purchase.pk
    assert Entry.objects.filter(kind="purchase").count() == 1  # the checkout that saved a card


FAULTS = {
    "a lost answer": ({"status": None, "after": True}, 1),
    "an error after the charge": ({"status": 500, "after": True}, 1),
    "a broken connection": ({"status": None}, 0),
}


@pytest.mark.parametrize(("fault", "charged"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("finder", ["webhook", "success page", "sweeper"])
def test_a_lost_answer_is_found_again(
    sandbox: Sandbox, ada: User, settings: Any, fault: dict[str, Any], charged: int, finder: str
) -> None:
    card = save_card(sandbox, ada)
    sandbox.hold_webhooks()
    sandbox.fault(method="POST", path=INTENTS, times=10, **fault)
    started = click(ada, card)
    assert started.purchase.status == "pending"
    sandbox.delete("/_sandbox/faults")
    assert click(ada, card).purchase.pk == started.purchase.pk

    settings.SWEEP_AFTER = datetime.timedelta(0)
    if finder == "webhook":
        sandbox.release_webhooks()
    elif finder == "success page":
        let_ask_again()
        confirm_session(ada, str(started.purchase.pk), PurchaseEvent.Source.SUCCESS_PAGE)
    if finder == "sweeper" or not charged:
        sweep_open_purchases()
    purchase = Purchase.objects.get(pk=started.purchase.pk)
    assert purchase.status == ("completed" if charged else "failed")
    sandbox.release_webhooks()
    assert len(charges(sandbox)) == charged
    assert Entry.objects.filter(kind="purchase").count() == 1 + charged


def test_one_that_nobody_confirms_is_canceled_in_the_end(sandbox: Sandbox, ada: User, settings: Any) -> None:
    card = save_card(sandbox, ada, ASKS_EACH_TIME)
    started = click(ada, card)
    settings.SWEEP_AFTER = datetime.timedelta(0)
    sweep_open_purchases()
    assert Purchase.objects.get(pk=started.purchase.pk).status == "pending"
    settings.CHECKOUT_SESSION_LIFETIME = datetime.timedelta(seconds=-5)
    sweep_open_purchases()
    assert Purchase.objects.get(pk=started.purchase.pk).status == "failed"
    assert charges(sandbox)[0]["status"] == "canceled"


def test_only_the_accounts_own_cards_can_be_charged(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    with pytest.raises(UnknownPaymentMethod):
        click(UserFactory(), card)
    team = create_team(ada, "Engines")
    with pytest.raises(UnknownPaymentMethod):
        click(ada, card, team_id=team.pk)
    remove_method(open_account(ada), card)
    with pytest.raises((UnknownPaymentMethod, NoConsent)):
        click(ada, card)
    assert charges(sandbox) == []


def test_a_member_cannot_charge_the_teams_card(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    member = UserFactory()
    Membership.objects.create(team=team, user=member, role=Role.MEMBER)
    sandbox.pay(start(ada, team_id=team.pk).session_id, save=True)
    sandbox.wait_for_webhooks()
    (card,) = shown_methods(Account.objects.get(team=team))
    with pytest.raises(UnknownPaymentMethod):
        click(member, card.row.pk, team_id=team.pk)
    assert click(ada, card.row.pk, team_id=team.pk).purchase.status == "completed"


def test_a_card_removed_at_stripe_a_moment_ago_is_not_charged(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    sandbox.hold_webhooks()
    provider().detach_method(shown_methods(open_account(ada))[0].row.stripe_payment_method_id)
    with pytest.raises(StripeRefused):
        click(ada, card)
    purchase = Purchase.objects.order_by("-created_at").first()
    assert purchase is not None
    assert (purchase.status, charges(sandbox)) == ("failed", [])


def test_the_database_refuses_a_charge_without_consent(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    purchase = click(ada, card).purchase
    with pytest.raises(IntegrityError, match="purchase_charges_with_consent"), transaction.atomic():
        Purchase.objects.filter(pk=purchase.pk).update(consent=None)


def test_it_is_refunded_like_any_other(sandbox: Sandbox, ada: User, account: Account) -> None:
    card = save_card(sandbox, ada)
    purchase = click(ada, card).purchase
    order = RefundOrder(
        4500, Refund.Reason.REQUESTED_BY_CUSTOMER, Refund.Policy.CAP, "", Refund.Origin.ADMIN, UserFactory()
    )
    refund_purchase(purchase.pk, order)
    sandbox.wait_for_webhooks()
    account.refresh_from_db()
    assert account.balance == 1000
    assert timezone.now() > purchase.created_at


def test_a_click_makes_one_call_that_changes_something(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    before = len(stripe_posts(sandbox))
    click(ada, card)
    assert [call["path"] for call in stripe_posts(sandbox)[before:]] == [INTENTS]
