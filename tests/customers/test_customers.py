"""One customer at Stripe per account: made once, kept up to date, made again if deleted there, deleted on erasure."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import close_old_connections

from accounts.models import User
from accounts.teams.membership import create_team, rename_team
from accounts.teams.models import Membership, Role
from billing.customers.at_stripe import customer_id_of, delete_at_stripe, update_customers
from billing.customers.models import Customer
from billing.privacy.erasure import erase_user
from billing.provider import provider
from billing.provider.errors import StripeUnavailable
from billing.purchases.buyer_traces import to_redact_at_stripe, traces_of
from billing.purchases.models import Purchase
from credits.ledger.operations import open_account, open_team_account
from tests.billing.calling import stripe_posts
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = "/v1/customers"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(first_name="Ada", last_name="Lovelace", email="ada@example.com")
    return user


def at_stripe(sandbox: Sandbox) -> list[dict[str, Any]]:
    return sandbox.objects("customer")


def test_all_checkouts_of_a_user_have_the_same_customer(ada: User, sandbox: Sandbox) -> None:
    first, second = start(ada), start(ada)

    (customer,) = at_stripe(sandbox)
    account = open_account(ada)
    assert (customer["name"], customer["email"]) == ("Ada Lovelace", "ada@example.com")
    assert customer["metadata"] == {"account_id": str(account.pk), "user_id": str(ada.pk)}
    assert {session["customer"] for session in sandbox.objects("checkout.session")} == {customer["id"]}
    assert Customer.objects.get().stripe_customer_id == customer["id"]
    sandbox.pay(first.session_id)
    sandbox.pay(second.session_id)
    sandbox.wait_for_webhooks()
    assert {purchase.stripe_customer_id for purchase in Purchase.objects.all()} == {customer["id"]}


def test_a_team_has_its_own_with_its_owners_address(ada: User, sandbox: Sandbox) -> None:
    team = create_team(ada, "Engines")
    start(ada)
    start(ada, team_id=team.pk)

    personal, teams = sorted(at_stripe(sandbox), key=lambda customer: customer["name"] == "Engines")
    assert personal["id"] != teams["id"]
    assert (teams["name"], teams["email"]) == ("Engines", "ada@example.com")


def test_calls_at_once_make_one_customer(ada: User, sandbox: Sandbox) -> None:
    account = open_account(ada)

    def make(_: int) -> str:
        try:
            return customer_id_of(account)
        finally:
            close_old_connections()

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(make, range(4)))

    assert ids == {customer["id"] for customer in at_stripe(sandbox)}
    assert len(ids) == 1


def test_after_a_lost_answer_the_same_customer_is_found(ada: User, sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path=CUSTOMERS, status=None, after=True, times=10)
    with pytest.raises(StripeUnavailable):
        start(ada)
    sandbox.delete("/_sandbox/faults")

    start(ada)
    assert len(at_stripe(sandbox)) == 1


@pytest.mark.parametrize("is_told", [True, False])
def test_one_deleted_at_stripe_is_made_anew(ada: User, sandbox: Sandbox, is_told: bool) -> None:
    start(ada)
    old = Customer.objects.get().stripe_customer_id
    if not is_told:
        sandbox.hold_webhooks()
    provider().delete_customer(str(old))
    sandbox.wait_for_webhooks()
    assert (Customer.objects.get().stripe_customer_id is None) == is_told

    started = start(ada)
    new = Customer.objects.get().stripe_customer_id
    assert new not in (None, old)
    assert started.purchase.status == "pending"
    assert sandbox.objects("checkout.session")[-1]["customer"] == new


def test_names_and_addresses_are_kept_in_step(ada: User, sandbox: Sandbox) -> None:
    team = create_team(ada, "Engines")
    for account in (open_account(ada), open_team_account(team)):
        customer_id_of(account)
    assert update_customers() == 0

    User.objects.filter(pk=ada.pk).update(last_name="King", email="countess@example.com")
    rename_team(ada, team.pk, "Analytical Engines")
    assert update_customers() == 2
    assert update_customers() == 0
    assert {(each["name"], each["email"]) for each in at_stripe(sandbox)} == {
        ("Ada King", "countess@example.com"),
        ("Analytical Engines", "countess@example.com"),
    }


def test_an_erased_users_customer_is_deleted_at_stripe(ada: User, sandbox: Sandbox) -> None:
    other = UserFactory()
    customer_id_of(open_account(ada))
    kept = customer_id_of(open_account(other))
    gone = Customer.objects.get(account__owner=ada)
    erase_user(ada.pk)
    gone.refresh_from_db()
    assert (gone.name, gone.email, gone.delete_at_stripe, gone.deleted_at) == ("", "", True, None)

    sandbox.fault(method="DELETE", path=f"{CUSTOMERS}/{gone.stripe_customer_id}", status=500, times=5)
    with pytest.raises(StripeUnavailable):
        delete_at_stripe(gone.pk)
    sandbox.delete("/_sandbox/faults")
    delete_at_stripe(gone.pk)
    delete_at_stripe(gone.pk)
    sandbox.wait_for_webhooks()

    gone.refresh_from_db()
    assert gone.deleted_at is not None
    assert [each["id"] for each in at_stripe(sandbox) if not each.get("deleted")] == [kept]
    assert len([call for call in stripe_posts(sandbox, CUSTOMERS) if call["method"] == "DELETE"]) >= 1


def test_one_made_while_its_user_was_erased_is_deleted(ada: User, sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path=CUSTOMERS, status=None, after=True, times=10)
    with pytest.raises(StripeUnavailable):
        customer_id_of(open_account(ada))
    sandbox.delete("/_sandbox/faults")
    erase_user(ada.pk)
    customer = Customer.objects.get()
    assert customer.stripe_customer_id is None

    delete_at_stripe(customer.pk)
    assert [each for each in at_stripe(sandbox) if not each.get("deleted")] == []


def test_a_members_erasure_keeps_the_teams_customer(ada: User, sandbox: Sandbox) -> None:
    owner = UserFactory()
    team = create_team(owner, "Engines")
    Membership.objects.create(team=team, user=ada, role=Role.MEMBER)
    started = start(ada, team_id=team.pk)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    teams = str(Customer.objects.get(account__team=team).stripe_customer_id)

    assert Purchase.objects.get().stripe_customer_id == teams
    assert teams not in traces_of(ada).ids
    assert to_redact_at_stripe(ada) == [Purchase.objects.get().stripe_payment_intent_id]


def test_a_customer_that_stripe_refuses_holds_up_no_other(sandbox: Sandbox) -> None:
    put_on_sale()
    for name in ("ada", "eve"):
        start(UserFactory(email=f"{name}@example.com"))
    User.objects.update(last_name="King")
    first, second = Customer.objects.order_by("pk")
    sandbox.fault(method="POST", path=f"/v1/customers/{first.stripe_customer_id}", status=400, times=9)
    update_customers()
    second.refresh_from_db()
    assert "King" in second.name
