"""A user reads only their own; a page takes a POST only with its CSRF token; a program needs a token and no cookie."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.purchases.models import Purchase
from credits.ledger.models import Entry
from tests.billing.calling import API, TokenClient, assert_problem, browser_of, post_json, stripe_posts
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def owner() -> User:
    user: User = UserFactory(email="owner@example.com")
    return user


@pytest.fixture
def paid(owner: User, sandbox: Sandbox) -> Purchase:
    """A paid and credited purchase of the owner's."""
    purchase = start(owner, "standard").purchase
    sandbox.pay(purchase.stripe_session_id or "")
    sandbox.wait_for_webhooks()
    purchase.refresh_from_db()
    assert purchase.status == "completed"
    return purchase


def addresses(purchase: Purchase) -> dict[str, str]:
    return {
        "the API": f"{API}session/{purchase.stripe_session_id}",
        "the older API": f"/api/credits/session/{purchase.stripe_session_id}",
        "the success page": f"/credits/success?session_id={purchase.stripe_session_id}",
    }


def test_a_session_is_shown_to_its_owner_alone(owner: User, paid: Purchase) -> None:
    for place, address in addresses(paid).items():
        assert browser_of(owner).get(address).status_code == 200, place
        for stranger in (UserFactory(), UserFactory(is_staff=True), UserFactory(is_superuser=True)):
            answer = browser_of(stranger).get(address)
            assert answer.status_code == (403 if place == "the older API" else 404), place
            for secret in (str(paid.pk), paid.stripe_payment_intent_id or "", "owner@example.com"):
                assert secret not in answer.content.decode(), place


def test_somebody_elses_session_looks_like_none_at_all(paid: Purchase) -> None:
    stranger = browser_of(UserFactory())
    theirs = stranger.get(f"{API}session/{paid.stripe_session_id}")
    none = stranger.get(f"{API}session/cs_test_none")

    assert theirs.json() == none.json()


def test_a_strangers_visit_never_credits_anybody(owner: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    purchase = start(owner).purchase
    sandbox.pay(purchase.stripe_session_id or "")
    for address in addresses(purchase).values():
        browser_of(UserFactory()).get(address)

    assert (Entry.objects.count(), Purchase.objects.get().status) == (0, "pending")


def test_history_and_balance_are_ones_own(owner: User, paid: Purchase) -> None:
    mine, theirs = browser_of(owner), browser_of(UserFactory())

    assert [row["id"] for row in mine.get(f"{API}history").json()] == [str(paid.pk)]
    answer = theirs.get(f"{API}history")
    assert (answer.json(), answer["X-Total-Count"]) == ([], "0")
    assert mine.get(f"{API}balance").json()["balance"] == 5000
    assert theirs.get(f"{API}balance").json()["balance"] == 0


@pytest.mark.parametrize("page", ["/credits/", "/credits/history/", "/credits/history/?status=completed"])
def test_the_pages_show_ones_own_purchases(owner: User, paid: Purchase, page: str) -> None:
    shown = "cell-date"
    assert shown in browser_of(owner).get(page).content.decode()

    other = browser_of(UserFactory()).get(page).content.decode()
    assert shown not in other
    assert (paid.stripe_payment_intent_id or "") not in other


def test_no_filter_of_the_history_reaches_somebody_elses(owner: User, paid: Purchase) -> None:
    stranger = browser_of(UserFactory())
    for query in (
        f"user={owner.pk}",
        f"user_id={owner.pk}",
        f"account={paid.account_id}",
        "status=",
        "offset=0",
    ):
        assert stranger.get(f"{API}history?{query}").json() == []


@pytest.mark.parametrize("page", ["/credits/", "/credits/history/", "/credits/success?session_id=cs_test_1"])
def test_a_page_for_nobody_leads_to_signing_in(page: str) -> None:
    answer = browser_of().get(page)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/credits/")


@pytest.mark.parametrize("page", ["/credits/", "/credits/history/"])
def test_no_cache_keeps_a_page_for_the_next_person(owner: User, page: str) -> None:
    assert "no-store" in browser_of(owner).get(page)["Cache-Control"]


def test_signing_out_ends_what_the_cookie_opens(owner: User) -> None:
    client = browser_of(owner)
    assert client.get(f"{API}balance").status_code == 200
    client.post("/accounts/logout/")

    assert_problem(client.get(f"{API}balance"), 401, "not_authenticated")


# --- CSRF ---------------------------------------------------------------------------------------------------------

POSTS = {
    "buying on the page": ("/credits/buy", "application/x-www-form-urlencoded", "package_code=pro"),
    "buying by the API": (f"{API}purchase", "application/json", '{"package_code": "pro"}'),
    "buying by the older API": ("/api/credits/purchase", "application/json", '{"package_id": "pro"}'),
    "signing out": ("/accounts/logout/", "application/x-www-form-urlencoded", ""),
    "signing in": ("/accounts/login/", "application/x-www-form-urlencoded", "username=a&password=b"),
}


@pytest.mark.parametrize(("path", "kind", "body"), POSTS.values(), ids=POSTS.keys())
def test_a_post_from_elsewhere_in_the_users_browser_is_refused(
    owner: User, sandbox: Sandbox, path: str, kind: str, body: str
) -> None:
    client = browser_of(owner, enforce_csrf_checks=True)
    answer = client.post(path, body, content_type=kind)

    assert answer.status_code == 403
    assert Purchase.objects.count() == 0
    assert stripe_posts(sandbox) == []
    assert client.get(f"{API}balance").status_code == 200  # still signed in


def token_of(client: Client) -> str:
    """The token that a form of the page carries."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/credits/").content.decode())
    assert found
    return found[1]


def test_a_post_from_the_page_itself_is_taken(owner: User, sandbox: Sandbox) -> None:
    client = browser_of(owner, enforce_csrf_checks=True)
    form = {"package_code": "pro", "shown_for": "personal", "csrfmiddlewaretoken": token_of(client)}
    bought = client.post("/credits/buy", form)
    by_api = post_json(client, "purchase", {"package_code": "pro"}, X_CSRFToken=token_of(client))

    assert (bought.status_code, by_api.status_code) == (303, 201)
    assert bought["Location"] == sandbox.objects("checkout.session")[0]["url"]


@pytest.mark.parametrize("path", ["/credits/buy", "/accounts/logout/"])
def test_nothing_is_done_by_following_a_link(owner: User, sandbox: Sandbox, path: str) -> None:
    client = browser_of(owner)

    assert client.get(f"{path}?package_code=pro").status_code == 405
    assert client.get(f"{API}balance").status_code == 200
    assert Purchase.objects.count() == 0


def test_every_form_of_a_page_that_posts_carries_the_token() -> None:
    forms = [
        (template.name, form)
        for template in Path("templates").rglob("*.html")
        for form in re.findall(r"<form\b.*?</form>", template.read_text(), re.DOTALL)
    ]
    posting = [(name, form) for name, form in forms if re.search(r'method="post"', form, re.IGNORECASE)]
    assert len(posting) >= 3
    assert [name for name, form in posting if "{% csrf_token %}" not in form] == []


# --- Tokens -------------------------------------------------------------------------------------------------------


def test_a_persons_token_opens_their_own_and_needs_no_csrf(sandbox: Sandbox, live_server: Any) -> None:
    buyer, other = (TokenClient(live_server.url, sandbox, name) for name in ("buyer", "buyer2"))
    bought = buyer.post("purchase", {"package_code": "pro"}).json()

    assert buyer.get(f"session/{bought['session_id']}").json()["purchase_id"] == bought["purchase_id"]
    assert_problem(other.get(f"session/{bought['session_id']}"), 404, "unknown_session")
    assert [row["id"] for row in buyer.get("history").json()] == [bought["purchase_id"]]
    assert other.get("history").json() == []


def test_the_admin_role_comes_from_the_token(sandbox: Sandbox, live_server: Any) -> None:
    buyer, staff = (TokenClient(live_server.url, sandbox, name) for name in ("buyer", "staff"))

    assert_problem(buyer.get("admin/purchases"), 403, "permission_denied")
    assert staff.get("admin/purchases").json() == []
