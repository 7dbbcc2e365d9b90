"""Saved cards as Stripe reports them, whoever changed them, each with the consent to charge it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import requests
from django.utils import timezone

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.customers.adding import card_page
from billing.customers.consents import ON_STRIPES_PAGE, adding_a_card, consent_for
from billing.customers.methods import make_default, refresh_methods, remove_method, shown_methods
from billing.customers.models import Consent, Customer, SavedMethod
from billing.errors import NoConsent, UnknownPaymentMethod
from billing.privacy.erasure import erase_user
from billing.provider import provider
from credits.ledger.models import Account
from credits.ledger.operations import open_account, open_team_account
from tests.billing.calling import deliver, made_up_event
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"email": "ada@example.com", "card_number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}


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


def buy(sandbox: Sandbox, user: User, card: str = "4242424242424242", **how: Any) -> None:
    sandbox.pay(start(user).session_id, card, **how)
    sandbox.wait_for_webhooks()


def add(account: Account, user: User, card: str = "4242424242424242") -> None:
    """On Stripe's page, as a browser does."""
    url = card_page(account, user)
    assert (
        requests.post(url, data={**FORM, "card_number": card}, allow_redirects=False, timeout=10).status_code
        == 303
    )


def test_only_a_ticked_box_saves_the_card(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada)
    assert shown_methods(account) == []

    buy(sandbox, ada, save=True)
    (card,) = shown_methods(account)
    row = card.row
    assert (row.named, row.exp_month, row.exp_year) == ("Visa •••• 4242", 12, 2034)
    assert (card.is_default, card.can_be_charged) == (True, True)
    consent = consent_for(row)
    assert (consent.wording, consent.stripe_payment_method_id) == (
        ON_STRIPES_PAGE,
        row.stripe_payment_method_id,
    )


def test_a_card_is_added_without_paying_with_the_words_agreed_to(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.hold_webhooks()
    add(account, ada)
    assert SavedMethod.objects.count() == 0
    refresh_methods(account)
    (card,) = shown_methods(account)
    sandbox.release_webhooks(order="reverse")
    sandbox.wait_for_webhooks()

    (card,) = shown_methods(account)
    consent = consent_for(card.row)
    assert (consent.wording, consent.given_by) == (adding_a_card(), ada)


def test_a_card_added_by_somebody_else_is_shown_and_not_charged(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    buy(sandbox, ada, save=True)
    card = {**sandbox.objects("payment_method")[-1], "id": "pm_by_staff", "allow_redisplay": "unspecified"}
    assert deliver(made_up_event("payment_method.attached", card)).status_code == 200

    by_staff = next(
        each for each in shown_methods(account) if each.row.stripe_payment_method_id == "pm_by_staff"
    )
    assert (by_staff.can_be_charged, by_staff.is_default) == (False, False)
    with pytest.raises(NoConsent):
        consent_for(by_staff.row)


def test_it_is_removed_at_stripe_and_its_consent_withdrawn(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    buy(sandbox, ada, save=True)
    (card,) = shown_methods(account)
    remove_method(account, card.row.pk)
    sandbox.wait_for_webhooks()

    assert shown_methods(account) == []
    assert Consent.objects.get().withdrawn_at is not None
    assert list(provider().list_methods(str(Customer.objects.get().stripe_customer_id))) == []
    with pytest.raises(UnknownPaymentMethod):
        remove_method(account, card.row.pk)
    # Its events again, and late: it stays removed.
    for event in sandbox.objects("event"):
        if event["type"].startswith("payment_method."):
            deliver({**event, "id": f"{event['id']}_again"})
    assert shown_methods(account) == []
    card.row.refresh_from_db()
    with pytest.raises(NoConsent):
        consent_for(card.row)


def test_what_is_changed_at_stripe_is_seen_here(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada, save=True)
    first = shown_methods(account)[0].row
    sandbox.set_expiry(first.stripe_payment_method_id, exp_month=1, exp_year=2020)
    sandbox.wait_for_webhooks()
    (renewed,) = shown_methods(account)
    assert (renewed.row.exp_year, renewed.row.has_expired) == (2020, True)

    make_default(account, first.pk)
    customer = str(Customer.objects.get().stripe_customer_id)
    sandbox.replace_card(customer, "4000000000000341")
    sandbox.wait_for_webhooks()
    (second,) = shown_methods(account)
    assert second.row.last4 == "0341"
    provider().detach_method(second.row.stripe_payment_method_id)  # as staff may, on Stripe's dashboard
    sandbox.wait_for_webhooks()
    assert shown_methods(account) == []


def test_a_look_at_stripe_removes_what_it_no_longer_has(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    buy(sandbox, ada, save=True)
    (card,) = shown_methods(account)
    sandbox.hold_webhooks()
    provider().detach_method(card.row.stripe_payment_method_id)
    refresh_methods(account)
    assert shown_methods(account) == []
    with pytest.raises(NoConsent):
        consent_for(SavedMethod.objects.get())


def test_an_old_report_of_the_default_comes_late(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada, save=True)
    (first,) = shown_methods(account)
    make_default(account, first.row.pk)
    sandbox.wait_for_webhooks()
    customer = Customer.objects.get()
    old = {"id": customer.stripe_customer_id, "invoice_settings": {"default_payment_method": "pm_before"}}
    late = made_up_event("customer.updated", old, "evt_late")
    for age_s, default in ((60, first.row.stripe_payment_method_id), (0, "pm_before")):
        at = int(timezone.now().timestamp()) - age_s
        deliver({**late, "id": f"evt_late_{age_s}", "created": at})
        customer.refresh_from_db()
        assert customer.default_method == default


def test_the_default_is_stripes_else_the_newest(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada, save=True)
    # Stripe's times are whole seconds.
    SavedMethod.objects.update(attached_at=timezone.now() - datetime.timedelta(minutes=1))
    add(account, ada, "4000000000000341")
    sandbox.wait_for_webhooks()
    newest, older = shown_methods(account)
    assert (newest.row.last4, newest.is_default) == ("0341", True)

    make_default(account, older.row.pk)
    assert shown_methods(account)[0].row == older.row
    sandbox.wait_for_webhooks()
    assert shown_methods(account)[0].row == older.row


def test_a_deleted_customers_cards_are_gone(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada, save=True)
    provider().delete_customer(str(Customer.objects.get().stripe_customer_id))
    sandbox.wait_for_webhooks()
    assert shown_methods(account) == []


def test_an_erased_users_cards_are_emptied(sandbox: Sandbox, ada: User, account: Account) -> None:
    buy(sandbox, ada, save=True)
    erase_user(ada.pk, forfeit=True)
    row = SavedMethod.objects.get()
    assert (row.last4, row.fingerprint, row.exp_month, row.detached_at is None) == ("", "", None, False)
    assert Consent.objects.get().withdrawn_at is not None


def test_a_member_sees_and_saves_no_card_of_the_team(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    member = UserFactory()
    Membership.objects.create(team=team, user=member, role=Role.MEMBER)
    add(open_team_account(team), ada)
    sandbox.wait_for_webhooks()
    owners, members = (
        requests.get(start(user, team_id=team.pk).checkout_url, timeout=10).text for user in (ada, member)
    )
    assert ("•••• 4242" in owners, 'id="save"' in owners) == (True, True)
    assert ("•••• 4242" in members, 'id="save"' in members) == (False, False)
