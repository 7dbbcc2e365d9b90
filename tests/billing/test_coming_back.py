"""Older systems' return addresses: the page that they lead to says what came of the checkout, and shows the balance."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from billing.purchases.models import Purchase
from tests.billing.calling import browser_of
from tests.support.builders import UserFactory, let_ask_again, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
ADDED = "Payment complete. 1,000 credits were added."
SOON = "Your 1,000 credits will be added once the payment is confirmed."
# Every address that an older system sent its buyers back to, and the page that it leads to.
ADDRESSES = {
    "/credits": "/credits/",
    "/credits/": "/credits/",
    "/credits/history/": "/credits/history/",
    "/admin/credits": "/credits/",
    "/admin/credits/": "/credits/",
    "/admin/credits/purchase": "/credits/",
    "/admin/credits/history": "/credits/history/",
    "/": "/credits/",
}


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def come_back(user: User, address: str) -> tuple[str, list[str], str]:
    """The page that an address leads to, the messages on it, and its text."""
    answer = browser_of(user).get(address, follow=True)
    assert answer.status_code == 200
    page = html.unescape(answer.content.decode())
    told = [re.sub(r"<[^>]+>", "", alert) for alert in re.findall(r'<p class="alert.*?</p>', page)]
    return answer.request["PATH_INFO"], told, page


@pytest.mark.parametrize("address", ADDRESSES)
def test_success_is_told_with_the_balance_brought_up_to_date(
    user: User, sandbox: Sandbox, address: str
) -> None:
    sandbox.pay(start(user).session_id)

    path, told, page = come_back(user, f"{address}?purchase=success")

    assert (path, told) == (ADDRESSES[address], [ADDED])
    if path == "/credits/":
        assert "<dd>1,000</dd>" in page
    assert come_back(user, path)[1] == [], "said once"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_cancelled_checkout_is_told(user: User, address: str) -> None:
    start(user)

    path, told, _page = come_back(user, f"{address}?purchase=cancelled")

    assert (path, told) == (ADDRESSES[address], ["Checkout cancelled. Nothing was charged."])
    assert Purchase.objects.get().status == "pending"


def test_staff_who_buy_come_back_to_the_buyers_page_and_else_see_the_ledger(sandbox: Sandbox) -> None:
    staff = UserFactory(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename="view_account"))
    sandbox.pay(start(staff).session_id)

    assert come_back(staff, "/admin/credits/?purchase=success")[:2] == ("/credits/", [ADDED])
    assert come_back(staff, "/admin/credits/")[0] == "/admin/credits/"


def test_whoever_has_to_sign_in_first_comes_back_to_the_same_word(user: User) -> None:
    answer = browser_of().get("/admin/credits?purchase=success", follow=True)
    assert answer.request["QUERY_STRING"] == "next=%2Fcredits%2F%3Fpurchase%3Dsuccess"


def test_the_rest_of_the_address_is_kept(user: User, sandbox: Sandbox) -> None:
    started = start(user)
    sandbox.pay(started.session_id)
    address = f"/credits/history/?status=failed&purchase=success&session_id={started.session_id}"

    answer = browser_of(user).get(address)

    assert (answer.status_code, answer["Location"]) == (302, "/credits/history/?status=failed")


def told_on_success(user: User, more: str = "") -> str:
    (told,) = come_back(user, f"/credits/?purchase=success{more}")[1]
    return told


def test_the_one_that_was_paid_is_found_behind_one_that_was_left_open(user: User, sandbox: Sandbox) -> None:
    paid = start(user)
    start(user, "pro")
    sandbox.pay(paid.session_id)

    assert told_on_success(user) == ADDED


def test_a_bank_debit_under_way_is_told_before_what_was_bought_earlier(user: User, sandbox: Sandbox) -> None:
    sandbox.pay(start(user, "pro").session_id)
    come_back(user, "/credits/?purchase=success")
    sandbox.pay_later(start(user).session_id)

    assert told_on_success(user).startswith(SOON)


def test_what_is_not_paid_is_not_called_paid(user: User, sandbox: Sandbox) -> None:
    assert told_on_success(user).startswith("We couldn’t find your purchase.")
    started = start(user)
    assert told_on_success(user).startswith(SOON)
    sandbox.expire(started.session_id)
    let_ask_again()
    assert (
        told_on_success(user) == "Your last purchase is now “Expired”. See your purchase history for details."
    )


def test_what_is_held_back_is_not_called_credited(user: User, sandbox: Sandbox) -> None:
    started = start(user)
    sandbox.discount(started.session_id, 500)
    sandbox.pay(started.session_id)

    assert told_on_success(user).startswith("We received your payment, but need to review it")


def test_while_stripe_is_away_the_purchase_is_told_as_it_stands(user: User, sandbox: Sandbox) -> None:
    sandbox.pay(start(user).session_id)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=500, times=1)

    assert told_on_success(user).startswith(SOON)
    let_ask_again()
    assert told_on_success(user) == ADDED


@pytest.mark.parametrize("named", ["somebody else's", "cs_test_none", "{CHECKOUT_SESSION_ID}"])
def test_a_session_of_nobody_or_of_another_tells_nothing(user: User, sandbox: Sandbox, named: Any) -> None:
    if named == "somebody else's":
        named = start(UserFactory()).session_id
        sandbox.pay(named)

    assert told_on_success(user, f"&session_id={named}").startswith("We couldn’t find your purchase.")
