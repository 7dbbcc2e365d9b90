"""The hosted page, with and without a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.sandbox.calling import MakeSession, list_event_types
from tests.support.programs import needed
from tests.support.sandbox import Sandbox

FORM = {"email": "jenny@shop.test", "method": "card", "expiry": "12 / 34", "cvc": "123", "name": "Jenny"}


def pay(
    session: stripe.checkout.Session, card: str = "4242 4242 4242 4242", **fields: str
) -> requests.Response:
    form = {**FORM, "card_number": card, **fields}
    return requests.post(str(session.url), data=form, allow_redirects=False, timeout=10)


def test_paying_redirects_to_the_merchant_with_the_sessions_id(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    session = make_session()
    page = requests.get(str(session.url), timeout=5)
    assert "Pay $45.00" in page.text
    assert "Studio pack" in page.text
    answer = pay(session)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://shop.test/done?session={session.id}"
    (charge,) = sandbox.objects("charge")
    assert charge["billing_details"]["email"] == "jenny@shop.test"


def test_paying_twice_charges_once(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session()
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(pay(session).status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [303] * 6
    assert len(sandbox.objects("charge")) == 1


def test_a_declined_card_comes_back_with_the_banks_words(make_session: MakeSession) -> None:
    session = make_session()
    answer = pay(session, "4000 0000 0000 9995")
    assert (answer.status_code, answer.headers["Location"]) == (303, session.url)
    assert "Your card has insufficient funds." in requests.get(str(session.url), timeout=5).text
    assert "shop.test/done" in pay(session).headers["Location"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"card": "4242 4242 4242 4241"}, "Your card number is invalid."),
        ({"card": ""}, "Enter a card number."),
        ({"expiry": "01 / 20"}, "expiration date is in the past"),
        ({"expiry": "13 / 30"}, "MM / YY"),
        ({"cvc": "1"}, "3 digits"),
        ({"email": "jenny"}, "valid email"),
    ],
)
def test_what_is_typed_wrong_is_said_beside_the_field(
    sandbox: Sandbox, make_session: MakeSession, fields: dict[str, str], message: str
) -> None:
    answer = pay(make_session(), **fields)
    assert answer.status_code == 422
    assert message in answer.text
    assert list_event_types(sandbox) == []


def test_bank_debit_needs_no_card(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session()
    assert pay(session, "", method="sepa_debit").status_code == 303
    assert sandbox.settle(session.id)["session"]["payment_status"] == "paid"


@pytest.mark.parametrize(("answer", "status"), [("complete", "complete"), ("fail", "open")])
def test_3d_secure_asks_on_a_page_of_its_own(
    sandbox: Sandbox, make_session: MakeSession, answer: str, status: str
) -> None:
    session = make_session()
    step = pay(session, "4000 0025 0000 3155").headers["Location"]
    assert step == f"{session.url}/authenticate"
    assert "Complete authentication" in requests.get(step, timeout=5).text
    for _ in range(2):
        decided = requests.post(step, data={"answer": answer}, allow_redirects=False, timeout=5)
        assert decided.status_code == 303
    (kept,) = sandbox.objects("checkout.session")
    assert kept["status"] == status
    assert len(sandbox.objects("charge")) == (status == "complete")


def test_a_closed_session_shows_the_way_on(sandbox: Sandbox, make_session: MakeSession) -> None:
    expired, complete = make_session(), make_session()
    sandbox.expire(expired.id)
    sandbox.pay(complete.id)
    assert "http://shop.test/back" in requests.get(str(expired.url), timeout=5).text
    assert f"http://shop.test/done?session={complete.id}" in requests.get(str(complete.url), timeout=5).text
    assert requests.get(str(complete.url) + "x", timeout=5).status_code == 404


def test_a_free_session_asks_for_no_card(sandbox: Sandbox, make_session: MakeSession) -> None:
    price = {"currency": "usd", "unit_amount": 0, "product_data": {"name": "Trial"}}
    session = make_session(line_items=[{"price_data": price, "quantity": 1}])
    assert "card-number" not in requests.get(str(session.url), timeout=5).text
    answer = requests.post(str(session.url), data={"email": "a@b.co"}, allow_redirects=False, timeout=5)
    assert answer.status_code == 303


def test_what_a_merchant_names_things_is_shown_as_text(make_session: MakeSession) -> None:
    price = {"currency": "usd", "unit_amount": 50, "product_data": {"name": "<script>alert(1)</script>"}}
    session = make_session(line_items=[{"price_data": price, "quantity": 1}])
    assert "<script>alert" not in requests.get(str(session.url), timeout=5).text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = needed("chromium")
    quiet = [
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=executable, args=["--no-sandbox", *quiet])
        yield chromium
        chromium.close()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_pays_and_axe_finds_nothing(browser: Any, make_session: MakeSession, scheme: str) -> None:
    axe = Axe()
    page = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
    session = make_session(success_url=f"{str(make_session().url).partition('/c/')[0]}/?paid")

    def find_faults() -> list[str]:
        return [violation["id"] for violation in axe.run(page).response["violations"]]

    page.goto(session.url)
    assert find_faults() == []
    page.get_by_role("link", name="4000 0000 0000 0002").click()
    page.get_by_label("Email").fill("jenny@shop.test")
    page.get_by_role("button", name="Pay $45.00").click()
    page.get_by_role("alert").wait_for()
    assert find_faults() == []
    page.get_by_role("link", name="4000 0025 0000 3155").click()
    page.get_by_role("button", name="Pay $45.00").click()
    assert page.get_by_role("heading", name="Confirm it’s you").is_visible()
    assert find_faults() == []
    page.get_by_role("button", name="Complete authentication").click()
    page.wait_for_url("**/?paid")
    page.close()


@pytest.mark.browser
def test_the_page_works_without_javascript(browser: Any, make_session: MakeSession) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    session = make_session(success_url=f"{str(make_session().url).partition('/c/')[0]}/?paid")
    page.goto(session.url)
    page.get_by_role("link", name="4242 4242 4242 4242").click()
    page.get_by_label("Email").fill("jenny@shop.test")
    page.get_by_role("button", name="Pay $45.00").click()
    page.wait_for_url("**/?paid")
    context.close()
