"""Nobody on the staff refunds what they bought, nor what brought credits to them or to a team of theirs."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError
from django.test import Client

from accounts.models import User
from accounts.teams import membership
from accounts.teams.models import Membership
from billing.errors import OwnPurchase
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from credits.ledger import operations as ledger
from tests.admin.pages import button_of, messages_after, page_of, read
from tests.billing.calling import API, browser_of
from tests.billing.reporting import deliver
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.owing import Owed, held_back, make_owed, refund_owed
from tests.returns.selling import CARD, fresh
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in
from tests.teams.builders import join, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(buyer: User) -> User:
    """The buyer, who is on the staff."""
    buyer.is_staff = True
    buyer.save()
    buyer.user_permissions.add(
        *Permission.objects.filter(codename__in=["refund_purchase", "refund_any_amount"])
    )
    return buyer


@pytest.fixture
def of_team(sandbox: Sandbox, member: User) -> Purchase:
    """Bought by somebody else, for a team that the member is in."""
    people = make_people()
    join(people.team, member)
    return bought_for(people, people.owner, sandbox)


def bought_for(people: Any, who: User, sandbox: Sandbox) -> Purchase:
    started = start(who, "standard", team_id=people.team.pk)
    sandbox.pay(started.session_id, CARD)
    deliver(sandbox)
    return Purchase.objects.get(pk=started.purchase.pk)


def refused(purchase: Purchase, member: User) -> None:
    with pytest.raises(OwnPurchase) as error:
        refund(purchase, 100, asked_by=member)
    assert (error.value.code, error.value.status) == ("own_purchase", 403)
    assert not Refund.objects.exists()
    assert fresh(purchase).refunded_minor == 0


def test_nobody_refunds_what_they_bought(purchase: Purchase, member: User) -> None:
    refused(purchase, member)
    assert refund(purchase, 100).status == "succeeded"


def test_nobody_refunds_what_brought_credits_to_their_team(of_team: Purchase, member: User) -> None:
    refused(of_team, member)
    Membership.objects.filter(user=member).delete()
    assert refund(of_team, 100, asked_by=member).status == "succeeded"


def test_who_bought_for_a_team_has_bought_it_also_after_leaving(sandbox: Sandbox, member: User) -> None:
    """The money would come back to them."""
    people = make_people()
    join(people.team, member)
    purchase = bought_for(people, member, sandbox)
    membership.remove_member(people.owner, people.team.pk, member.pk)
    refused(purchase, member)


def test_nobody_refunds_a_payment_of_theirs_that_was_not_accepted(sandbox: Sandbox, member: User) -> None:
    purchase = held_back(sandbox, member)
    with pytest.raises(OwnPurchase):
        refund(purchase, 4500, asked_by=member, payment_id=purchase.payments.get().pk)
    assert not Refund.objects.exists()


def test_the_api_refuses_it(purchase: Purchase, member: User) -> None:
    answer = browser_of(member).post(
        f"{API}admin/purchases/{purchase.pk}/refunds",
        {"amount": "1", "reason": "duplicate"},
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "own_purchase")


def test_the_admin_shows_no_button_and_its_address_says_why(purchase: Purchase, member: User) -> None:
    browser, button = sign_in(member), button_of(purchase, "refund")
    assert button not in read(browser, page_of(purchase))
    answers = {"_form_submitted": "True", "amount": "1", "policy": "cap", "note": "Why", "key": "k"}
    (said,) = messages_after(browser.post(button, answers))
    assert said == "This purchase is yours or your team's. Ask another member of staff."
    assert button in read(sign_in(UserFactory.create(is_staff=True, is_superuser=True)), page_of(purchase))


def test_refunding_such_a_payment_has_no_button_either(sandbox: Sandbox, member: User) -> None:
    owed: Owed = make_owed("held back", sandbox, member)
    browser: Client = sign_in(member)
    assert button_of(owed[0], "refund_payment") not in read(browser, page_of(owed[0]))
    (said,) = messages_after(refund_owed(browser, owed[0]))
    assert said.startswith("This purchase is yours or your team's")


def test_a_shop_of_one_person_may_allow_it(purchase: Purchase, member: User, settings: Any) -> None:
    settings.STAFF_MAY_SERVE_THEMSELVES = True
    assert button_of(purchase, "refund") in read(sign_in(member), page_of(purchase))
    assert refund(purchase, 4500, asked_by=member).status == "succeeded"


def test_what_stripe_tells_of_ones_own_purchase_is_recorded(
    sandbox: Sandbox, purchase: Purchase, member: User
) -> None:
    refund_in_dashboard(purchase, 100)
    deliver(sandbox)
    assert fresh(purchase).refunded_minor == 100


def test_the_database_refuses_it_too(purchase: Purchase, of_team: Purchase, member: User) -> None:
    for own in (purchase, of_team):
        row = {
            "payment": own.payments.get(),
            "amount_minor": 1,
            "currency": "usd",
            "policy": "cap",
            "origin": "admin",
        }
        with pytest.raises(IntegrityError) as refusal:
            Refund.objects.create(**row, asked_by=member.pk)
        assert isinstance(refusal.value.__cause__, psycopg.Error)
        guard = refusal.value.__cause__.diag.constraint_name
        assert guard == "refund_not_of_ones_own_purchase"
    assert ledger.open_account(member).pk == purchase.account_id
