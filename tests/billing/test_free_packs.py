"""A free pack completes without Stripe, by the same fulfilment as the others, and once per buyer unless it says so."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Team
from billing.checkout import fulfilment, terms
from billing.checkout import starting as checkout
from billing.checkout.free_packages import require_not_taken
from billing.errors import AlreadyTaken
from billing.mail.confirmation import send_purchase_confirmation
from billing.packages.models import Package
from billing.purchases.models import Payment, Purchase
from credits.ledger.models import Account, Entry, Lot
from credits.proof.checking import find_violations
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.billing.reporting import reconcile_now, show_success_page
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox
from tests.teams.forms import form_on

pytestmark = pytest.mark.django_db(transaction=True)
INDEXES = ["purchase_once_per_person", "purchase_once_per_account"]


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    PackageFactory.create(code="welcome", name="Welcome", price_minor=0, credits=50)


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory(email="ada@example.com")
    return buyer


@pytest.fixture
def team(user: User) -> Team:
    return create_team(user, "Acme")


def take(user: User, **order: Any) -> str:
    """Takes the pack, and tells what came of it."""
    try:
        return str(start(user, "welcome", **order).purchase.status)
    except AlreadyTaken as error:
        return error.code


def test_it_is_complete_at_once_and_stripe_hears_nothing(user: User, sandbox: Sandbox) -> None:
    answer = post_json(browser_of(user), "purchase", {"package_code": "welcome"})
    purchase = Purchase.objects.get()
    body = answer.json()

    assert answer.status_code == 201
    assert body["checkout_url"].endswith(f"/credits/success?session_id={purchase.pk}")
    assert body["session_id"] == body["purchase_id"] == str(purchase.pk)
    assert (purchase.status, purchase.paid_minor, purchase.once_per_buyer) == ("completed", 0, True)
    assert [event.what for event in purchase.events.all()] == ["started", "credited"]
    entry, lot = Entry.objects.get(), Lot.objects.get()
    assert (entry.kind, entry.amount, entry.key) == ("purchase", 50, purchase.grant_key)
    assert (lot.promotional, lot.cost_minor) == (True, None)
    assert not Payment.objects.exists()
    assert sandbox.calls() == []

    session = browser_of(user).get(f"{API}session/{body['session_id']}").json()
    assert (session["status"], session["payment_status"], session["amount_total"], session["credited"]) == (
        "completed", "no_payment_required", 0, True,
    )  # fmt: skip
    assert browser_of(UserFactory()).get(f"{API}session/{body['session_id']}").status_code == 404
    report = reconcile_now()
    assert (report.open, report.repaired, list(find_violations())) == ([], [], [])


def test_its_buyer_is_told_that_it_is_free(user: User, client: Client) -> None:
    client.force_login(user)
    page = client.get("/credits/").content.decode()
    assert "Get it free" in page
    assert "$0.00" not in page

    form = {
        **form_on(client, "/credits/", "/credits/buy"),
        "package_code": "welcome",
        "price": "0",
        "credits": "50",
    }
    answer = client.post("/credits/buy", form)
    purchase = Purchase.objects.get()
    assert (answer.status_code, answer["Location"].endswith(f"session_id={purchase.pk}")) == (303, True)
    done = show_success_page(user, str(purchase.pk))
    assert "50 credits added" in done
    assert "Payment ID" not in done
    assert "Payment complete" not in done
    assert str(purchase.pk) in done

    assert client.post("/credits/buy", form)["Location"] == answer["Location"], "pressed twice"
    page = client.get("/credits/").content.decode()
    assert "Already claimed" in page
    assert "Get it free" not in page
    assert "Free" in client.get("/credits/history/").content.decode()
    told = client.post("/credits/buy", {**form, "order_token": "another"}, follow=True).content.decode()
    assert "Welcome can be claimed only once, and it already has been." in told
    assert Account.objects.get().balance == 50

    mail.outbox.clear()
    send_purchase_confirmation(purchase.pk)
    (letter,) = mail.outbox
    assert "Price:       Free" in letter.body
    assert "None" not in letter.body
    assert letter.attachments == []


def test_it_is_taken_once_unless_it_says_otherwise(user: User) -> None:
    assert [take(user), take(user), take(UserFactory())] == ["completed", "already_taken", "completed"]
    problem = assert_problem(
        post_json(browser_of(user), "purchase", {"package_code": "welcome"}), 409, "already_taken"
    )
    assert problem["detail"] == "Welcome can be claimed only once, and it already has been."

    Package.objects.filter(code="welcome").update(repeatable=True)
    assert take(user) == "completed"
    Package.objects.filter(code="welcome").update(repeatable=False)
    assert take(user) == "already_taken"


def test_a_team_takes_it_once_and_so_does_each_of_its_people(user: User, team: Team) -> None:
    member, newcomer = UserFactory(), UserFactory()
    for person in (member, newcomer):
        Membership.objects.create(team=team, user=person, role="admin")

    assert take(user, team_id=team.pk) == "completed"
    assert take(user) == "already_taken", "they had it, for their team"
    assert take(member, team_id=team.pk) == "already_taken", "their team has it"
    assert take(member) == "completed"
    own = create_team(newcomer, "Other")
    assert [take(newcomer), take(newcomer, team_id=own.pk)] == ["completed", "already_taken"]


def test_one_that_was_taken_before_there_was_such_a_rule_counts(user: User) -> None:
    assert take(user) == "completed"
    Purchase.objects.update(once_per_buyer=False)
    assert take(user) == "already_taken"


@pytest.mark.parametrize("through", ["oneself", "a team"])
def test_of_two_at_once_one_gets_it(user: User, team: Team, through: str) -> None:
    if through == "oneself":
        both = (partial(take, user), partial(take, user))
    else:
        member = UserFactory()
        Membership.objects.create(team=team, user=member, role="admin")
        both = (partial(take, user, team_id=team.pk), partial(take, member, team_id=team.pk))

    assert sorted(at_once(*both)) == ["already_taken", "completed"]
    assert (Purchase.objects.count(), Entry.objects.count()) == (1, 1)


def test_without_the_rule_both_of_two_at_once_get_it(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: were the race no race, the test above would prove nothing."""
    monkeypatch.setattr(terms, "is_once", lambda package: False)
    monkeypatch.setattr(checkout, "require_not_taken", lambda *whose: None)

    assert at_once(partial(take, user), partial(take, user)) == ["completed", "completed"]


def test_the_same_key_at_once_is_one_purchase_and_one_answer(user: User) -> None:
    first, second = at_once(*[partial(start, user, "welcome", idempotency_key="k")] * 2)

    assert (first.purchase.pk, first.checkout_url) == (second.purchase.pk, second.checkout_url)
    assert Account.objects.get().balance == 50


@pytest.mark.parametrize("index", INDEXES)
def test_the_database_holds_it_by_itself(user: User, team: Team, index: str) -> None:
    start(user, "welcome", team_id=team.pk)
    twin = Purchase.objects.get()
    twin.pk = None
    twin._state.adding = True
    other = start(UserFactory(), "starter").purchase
    if index == INDEXES[0]:
        twin.account = other.account
    else:
        twin.user = other.user

    with pytest.raises(IntegrityError, match=index), transaction.atomic():
        twin.save(force_insert=True)


def test_dying_on_the_way_leaves_nothing(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(BaseException):
        """Nothing of ours catches it."""

    def die(*args: object, **more: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(fulfilment, "record", die)  # after the credits were granted
        with pytest.raises(PowerCut):
            start(user, "welcome", idempotency_key="k")
    assert (Purchase.objects.count(), Entry.objects.count()) == (0, 0)
    assert take(user, idempotency_key="k") == "completed"


def test_an_older_client_is_told_where_it_stands(user: User) -> None:
    browser = browser_of(user)
    bought = post_json(
        browser, "/api/credits/purchase", {"package_id": "welcome", "payment_method": "stripe"}
    )
    purchase = Purchase.objects.get()

    assert bought.json()["payment_url"].endswith(f"session_id={purchase.pk}")
    session = browser.get(f"/api/credits/session/{purchase.pk}").json()["session"]
    assert (session["id"], session["payment_status"], session["amount_total"]) == (
        str(purchase.pk), "no_payment_required", 0,
    )  # fmt: skip
    assert session["customer_email"] == "ada@example.com"


def test_a_pack_with_a_price_can_be_bought_as_often_as_one_likes(user: User) -> None:
    package = Package.objects.get(code="starter")
    start(user)
    require_not_taken(user, None, package)
    assert start(user).purchase.once_per_buyer is False
