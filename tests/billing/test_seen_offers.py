"""A buyer gets what was shown, or nothing: an order that carries what was seen is held against what is on sale."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.checkout.orders import PurchaseOrder
from billing.checkout.seen_offers import SeenOffer
from billing.packages.models import Package
from billing.provider import provider
from billing.purchases.models import Purchase
from tests.billing.calling import assert_problem, browser_of, post_json
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox
from tests.teams.forms import form_on

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = {"price": 45.0, "currency": "usd", "credits": 5000}


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def buy(user: User, seen: dict[str, Any], **headers: str) -> Any:
    return post_json(browser_of(user), "purchase", {"package_code": "standard", **seen}, **headers)


def change(**values: Any) -> None:
    Package.objects.filter(code="standard").update(**values)


@pytest.mark.parametrize(
    "seen", [SEEN, {"price": "45"}, {"price": 45}, {"price": "45.000"}, {"credits": "5000.00"}, {}]
)
def test_what_was_seen_is_sold_however_it_is_spelled(user: User, seen: dict[str, Any]) -> None:
    assert buy(user, seen).status_code == 201


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"credits": Decimal(2500)}, SEEN),
        ({"price_minor": 4501}, {"price": 45.0}),
        ({"price_minor": 4499}, SEEN),
        ({"currency": "eur"}, SEEN),
        ({"credits": Decimal(2500)}, {"credits": "5000"}),
    ],
)
def test_another_offer_than_was_seen_is_not_sold(
    user: User, sandbox: Sandbox, changes: dict[str, Any], seen: dict[str, Any]
) -> None:
    change(**changes)
    answer = buy(user, seen)

    problem = assert_problem(answer, 409, "offer_changed")
    package = Package.objects.get(code="standard")
    assert problem["offer"] == {
        "package_code": "standard",
        "package_name": package.name,
        "credits": package.credits,
        "price": float(package.price.major),
        "currency": package.currency,
    }
    assert problem["detail"].endswith("Nothing was charged.")
    assert (Purchase.objects.count(), sandbox.objects("checkout.session")) == (0, [])
    now = {name: problem["offer"][name] for name in ("price", "currency", "credits")}
    assert buy(user, now).status_code == 201, "what the answer says can be bought"


@pytest.mark.parametrize(
    "seen", [{"price": "4,50"}, {"price": True}, {"credits": "many"}, {"currency": "dollars"}]
)
def test_what_cannot_have_been_seen_is_named(user: User, seen: dict[str, Any]) -> None:
    problem = assert_problem(buy(user, seen), 400, "invalid_request")
    assert [error["attr"] for error in problem["errors"]] == list(seen)


def test_a_key_from_before_stands_for_the_same_order() -> None:
    before = hashlib.sha256(json.dumps(["pro", "", ""]).encode()).hexdigest()

    assert PurchaseOrder("pro").fingerprint == before
    one, same = (
        PurchaseOrder("pro", seen=SeenOffer(Decimal(price))).fingerprint for price in ("80", "80.00")
    )
    assert one == same != before


def test_a_repeat_is_the_first_purchase_whatever_became_of_the_offer(user: User) -> None:
    first = buy(user, SEEN, idempotency_key="k").json()
    change(credits=Decimal(2500))

    assert buy(user, SEEN, idempotency_key="k").json() == first
    assert_problem(buy(user, {**SEEN, "credits": 2500}, idempotency_key="k"), 422, "idempotency_key_reused")
    assert Purchase.objects.get().credits == 5000


def test_an_edit_between_the_check_and_the_commit_changes_nothing_that_is_sold(
    user: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = provider().require_own_account

    def edit_meanwhile() -> None:
        change(credits=Decimal(2500), price_minor=9000)
        ask()

    monkeypatch.setattr(provider(), "require_own_account", edit_meanwhile)  # the real one, after an edit
    purchase = start(user, "standard", seen=SeenOffer(Decimal(45), "usd", Decimal(5000))).purchase

    assert (purchase.price_minor, purchase.credits) == (4500, Decimal(5000))
    assert sandbox.objects("checkout.session")[0]["amount_total"] == 4500


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"credits": Decimal(2500)}, "2,500 credits for $45.00"),
        ({"currency": "eur"}, "5,000 credits for €45.00"),
    ],
)
def test_the_page_shows_the_new_offer_and_buys_nothing(
    user: User, client: Client, changes: dict[str, Any], shown: str
) -> None:
    client.force_login(user)
    form = {**form_on(client, "/credits/", "/credits/buy"), "package_code": "standard"}
    form |= {"price": "45.00", "credits": "5000.00"}
    change(**changes)

    answer = client.post("/credits/buy", form)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert f"This offer has changed: Standard Pack is now {shown}. Nothing was charged." in page
    assert not Purchase.objects.exists()

    package = Package.objects.get(code="standard")
    for name, value in (("currency", package.currency), ("credits", str(package.credits))):
        assert f'name="{name}" value="{value}"' in page
    again = {**form, "currency": package.currency, "credits": str(package.credits)}
    assert client.post("/credits/buy", again).status_code == 303


def test_a_form_that_no_page_made_is_refused(user: User, client: Client) -> None:
    client.force_login(user)
    form = {**form_on(client, "/credits/", "/credits/buy"), "price": "ten"}

    assert client.post("/credits/buy", form).status_code == 400
    assert not Purchase.objects.exists()


def test_what_is_less_per_credit_follows_the_price_and_nothing_is_struck(user: User, client: Client) -> None:
    client.force_login(user)
    change(price_minor=4000)
    page = client.get("/credits/").content.decode()
    assert page.count("20% less per credit than Starter Pack") == 2, "standard beside pro"
    assert ("<s>" in page, "Save " in page) == (False, False), "nobody asked what the comparison comes to"

    change(price_minor=5100)
    page = client.get("/credits/").content.decode()
    assert (page.count("less per credit"), "$50.00" in page) == (2, False), "dearer than the starter"
