"""Back at Stripe, and the way on from the success page, lead to where the buyer was; never off the site."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.models import User
from billing.checkout.return_urls import LONGEST_PATH, local_path
from billing.purchases.models import Purchase
from tests.billing.calling import browser_of
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

HISTORY = "/credits/history/?status=failed&page=2"
TEAM = "/teams/5b0c4c1e-0000-4000-8000-000000000000/?a=ü&b=1"


@pytest.fixture
def user(sandbox: Sandbox) -> User:
    put_on_sale()
    buyer: User = UserFactory()
    return buyer


def buy_from(user: User, shop: dict[str, str], **form: str) -> None:
    """Opens the shop with a query, and presses Buy."""
    page = browser_of(user).get("/credits/", shop).content.decode()
    found = re.search(r'name="next" value="([^"]*)"', page)
    assert found
    order = {"package_code": "starter", "shown_for": "personal", "next": unescape(found[1]), **form}
    assert browser_of(user).post("/credits/buy", order).status_code == 303


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("back", [HISTORY, TEAM])
def test_the_buyer_comes_back_to_the_page_that_led_to_the_shop(
    user: User, sandbox: Sandbox, back: str
) -> None:
    buy_from(user, {"next": back})

    (session,) = sandbox.objects("checkout.session")
    client = browser_of(user)
    cancelled = client.get(path_of(session["cancel_url"]))
    assert (cancelled.status_code, cancelled["Location"]) == (302, back.replace("ü", "%C3%BC"))
    assert "Checkout cancelled. Nothing was charged." in client.get("/credits/history/").content.decode()

    success = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"])
    assert "%7B" not in session["success_url"]  # Stripe fills the placeholder in as it stands
    waiting = client.get(path_of(success)).content.decode()
    assert re.search(r'href="([^"]*)">Go back</a>', waiting)
    sandbox.pay(session["id"])
    Purchase.objects.update(asked_stripe_at=None)  # two seconds later
    page = client.get(path_of(success)).content.decode()
    link = re.search(r'<a class="button" href="([^"]*)">Continue</a>', page)
    assert link
    assert unescape(link[1]) == back


@pytest.mark.django_db(transaction=True)
def test_the_shop_with_its_query_is_where_the_buyer_was(user: User, sandbox: Sandbox) -> None:
    for query in ({"from": "mail"}, {}):
        buy_from(user, query)

    found = {session["cancel_url"] for session in sandbox.objects("checkout.session")}
    nexts = {tuple(parse_qs(urlsplit(url).query).get("next", [])) for url in found}
    assert nexts == {("/credits/?from=mail",), ()}


EVIL = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "///evil.example",
    "javascript:alert(1)",
    "@evil.example/",
    ".evil.example/",
    "credits/",
    "/a\nb",
    "\x00/credits/",
    "/" + "a" * LONGEST_PATH,
]


@pytest.mark.parametrize("address", EVIL)
def test_only_a_path_of_this_site_is_one(address: str) -> None:
    assert local_path(address) == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", EVIL[:3])
def test_no_address_off_the_site_is_taken_from_anywhere(user: User, sandbox: Sandbox, address: str) -> None:
    buy_from(user, {"next": address}, next=address)

    (session,) = sandbox.objects("checkout.session")
    assert "evil" not in session["cancel_url"] + session["success_url"]
    client = browser_of(user)
    assert client.get("/credits/", {"checkout": "cancelled", "next": address})["Location"] == "/credits/"
    shown = client.get("/credits/success", {"session_id": session["id"], "next": address})
    assert not re.search(r'href="[^"]*evil', shown.content.decode())
    assert "Go back" not in shown.content.decode()
