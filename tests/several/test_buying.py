"""Several packages are one payment and as many lots, whose costs add up to what was paid, refunds included."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import stripe
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.models import User
from billing.discounts.models import MultiBuy
from billing.packages.models import Package
from billing.purchases.exports import purchases_csv
from billing.purchases.models import Purchase, PurchaseLine
from billing.receipts.issuing import issue_receipt
from billing.receipts.pdf import render_receipt
from billing.recovery.offers import resume_offer
from billing.refunds.refunding import preview_refund
from billing.reporting.balance import unbalanced_currencies
from billing.reporting.daily_figures import bring_figures_up_to_date
from credits.ledger.models import Entry, Lot
from credits.proof.checking import find_violations
from tests.admin.pages import button_of, read
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.billing.reporting import reconcile_now
from tests.credits.builders import no_triggers
from tests.discounts.making import make_code
from tests.receipts.papers import text_of
from tests.returns.asking import refund
from tests.several.making import make_multi_buy, pay_for_several, start_several, start_with_code
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.teams.forms import form_on

pytestmark = pytest.mark.django_db(transaction=True)


def proven() -> None:
    """Stripe, the books and the figures agree."""
    assert reconcile_now().open == []
    call_command("check_ledger", stdout=StringIO())
    bring_figures_up_to_date()
    assert list(unbalanced_currencies()) == []


def lots() -> list[tuple[int, int, int | None]]:
    """What is left of each, of how many, and their cost."""
    return [(int(lot.remaining), int(lot.amount), lot.cost_minor) for lot in Lot.objects.order_by("pk")]


def test_buy_two_get_one_and_give_part_of_it_back(sandbox: Sandbox, ada: User) -> None:
    make_multi_buy()
    purchase = pay_for_several(sandbox, ada, standard=1, starter=2)
    (session,) = sandbox.objects("checkout.session")
    assert (session["amount_total"], purchase.paid.minor) == (5500, 5500)
    assert (purchase.multi_buy_name, purchase.multi_buy_minor) == ("Buy 2, get 1", 1000)
    # $55.00 over 7,000 credits: each costs the same. What expires first is spent first, and so given back last.
    assert lots() == [(2000, 2000, 1571), (5000, 5000, 3929)]
    first, second = Lot.objects.order_by("pk")
    assert first.expires_at is not None
    assert first.expires_at - first.created_at > timedelta(days=29)
    assert second.expires_at is None
    told = [entry.metadata["description"] for entry in Entry.objects.order_by("pk")]
    assert told == ["2 × Starter Pack", "Standard Pack"]
    proven()
    # Half of it, in two steps: what each does is what was shown.
    for minor, asked in ((1000, [0, 1272.73]), (1750, [0, 2227.27])):
        shown = preview_refund(Purchase.objects.get(pk=purchase.pk), minor)
        assert [round(float(lot.asked), 2) for lot in shown.lots] == asked
        refund(purchase, minor)
        proven()
    assert lots() == [(2000, 2000, 1571), (1500, 5000, 3929)]
    shown = preview_refund(Purchase.objects.get(pk=purchase.pk))
    assert [float(lot.asked) for lot in shown.lots] == [2000, 1500]
    refund(purchase, shown.amount.minor)
    purchase.refresh_from_db()
    assert (purchase.status, purchase.refunded_minor) == ("refunded", 5500)
    assert [left for left, _amount, _cost in lots()] == [0, 0]
    proven()


def test_the_receipt_lists_the_packages_at_their_prices(sandbox: Sandbox, ada: User) -> None:
    make_multi_buy()
    purchase = pay_for_several(sandbox, ada, standard=1, starter=2)
    page = text_of(render_receipt(issue_receipt(purchase.pk)))
    assert "2 × Starter Pack, 1 of them free" in page
    assert [amount for amount in ("$10.00", "$45.00", "$55.00", "−$10.00") if amount in page] == [
        "$10.00",
        "$45.00",
        "$55.00",
    ]


def test_the_file_of_purchases_says_what_was_bought_and_taken_off(sandbox: Sandbox, ada: User) -> None:
    make_multi_buy()
    pay_for_several(sandbox, ada, standard=1, starter=2)
    (row,) = csv.DictReader("".join(purchases_csv(Purchase.objects.all())).splitlines())
    assert (row["regular_price"], row["price"], row["multi_buy"]) == ("65.00", "55.00", "Buy 2, get 1")
    assert (row["package"], row["packages"]) == ("several", "starter:2 standard:1")


def test_an_expired_checkout_of_several_is_resumed_with_all_of_them(sandbox: Sandbox, ada: User) -> None:
    make_multi_buy()
    started = start_several(ada, standard=1, starter=2)
    sandbox.expire(started.session_id)
    sandbox.wait_for_webhooks()
    offer = resume_offer(ada, Purchase.objects.get())
    assert (offer.is_same, offer.terms.price.minor, len(offer.terms.lines)) == (True, 5500, 2)
    MultiBuy.objects.update(is_active=False)
    offer = resume_offer(ada, Purchase.objects.get())
    assert (offer.is_same, offer.terms.price.minor) == (False, 6500)


def test_the_page_is_in_the_readers_language(sandbox: Sandbox, ada: User) -> None:
    Package.objects.filter(code="starter").update(texts={"de": {"name": "Starterpaket"}})
    browser = Client(headers={"Accept-Language": "de"})
    browser.force_login(ada)
    page = browser.get("/credits/several?count-starter=2&count-standard=1").content.decode()
    assert all(text in page for text in ("Starterpaket", "2 × Starterpaket", "Standard Pack", "65,00"))
    # What is bought keeps the site's language.
    browser.post("/credits/buy", form_on(browser, "/credits/several?count-starter=2", "/credits/buy"))
    assert Purchase.objects.get().package_name == "2 × Starter Pack"


def listed_on(session_id: str) -> list[Any]:
    client = stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        stripe_version=settings.STRIPE_API_VERSION,
    )
    return list(client.v1.checkout.sessions.line_items.list(session_id).data)


def test_stripes_page_lists_the_packages(sandbox: Sandbox, ada: User) -> None:
    make_multi_buy()
    start_several(ada, standard=1, starter=2)
    (session,) = sandbox.objects("checkout.session")
    listed = listed_on(session["id"])
    assert [(each["description"], each["quantity"], each["amount_total"]) for each in listed] == [
        ("Starter Pack", 1, 1000),
        ("Starter Pack", 1, 0),
        ("Standard Pack", 1, 4500),
    ]
    # A code's discount is spread over them, to the cent.
    make_code(percent=33)
    start_with_code(UserFactory(), "SPRING-20", standard=1, starter=2)
    session = sandbox.objects("checkout.session")[-1]
    assert sum(each["amount_total"] for each in listed_on(session["id"])) == session["amount_total"] == 4355


def test_all_of_it_for_nothing_needs_no_stripe(sandbox: Sandbox, ada: User) -> None:
    make_code(percent=100)
    purchase = start_with_code(ada, "SPRING-20", standard=1, starter=1).purchase
    assert (purchase.status, [lot.promotional for lot in Lot.objects.all()]) == ("completed", [True, True])
    assert lots() == [(1000, 1000, None), (5000, 5000, None)]
    assert sandbox.objects("checkout.session") == []
    proven()


def test_the_proof_sees_a_lot_that_is_not_what_was_bought(sandbox: Sandbox, ada: User) -> None:
    purchase = pay_for_several(sandbox, ada, standard=1, starter=1)
    proven()
    for change in ("credits = credits + 1", "price_minor = price_minor + 1", "validity_days = 31"):
        with no_triggers(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE purchases_purchaseline SET {change} WHERE package_code = 'starter'")
        found = [(each.invariant, each.subject) for each in find_violations()]
        assert ("lines_add_up_and_brought_their_lots", f"purchase {purchase.pk}") in found
        back = change.replace("+ 1", "- 1").replace("31", "30")
        with no_triggers(), connection.cursor() as cursor:
            cursor.execute(f"UPDATE purchases_purchaseline SET {back} WHERE package_code = 'starter'")
    proven()


def test_the_api_takes_several(ada: User) -> None:
    make_multi_buy()
    browser = browser_of(ada)
    basket: dict[str, Any] = {
        "items": [{"package_code": "starter", "quantity": 2}, {"package_code": "standard"}]
    }
    quoted = post_json(browser, "quote", basket).json()
    assert (quoted["list"], quoted["discount"], quoted["total"]) == (65.0, 10.0, 55.0)
    assert (quoted["credits"], quoted["multi_buy"], quoted["sale"]) == (7000, "Buy 2, get 1", "")
    answer = post_json(browser, "purchase", basket)
    assert answer.status_code == 201, answer.content
    assert PurchaseLine.objects.count() == 2
    more: dict[str, Any]
    for more in ({"package_code": "pro"}, {"quantity": 2}, {"amount": "5", "currency": "usd"}, {"items": []}):
        assert_problem(post_json(browser, "quote", {**basket, **more}), 400, "invalid_request")
    many = {"items": [{"package_code": "starter", "quantity": 100}, {"package_code": "standard"}]}
    assert_problem(post_json(browser, "purchase", many), 409, "bundle_refused")
    assert Purchase.objects.count() == 1
    assert browser.get(f"{API}packages").status_code == 200


def test_a_repeat_with_the_same_basket_is_the_same_purchase(ada: User) -> None:
    browser = browser_of(ada)
    one = {"items": [{"package_code": "starter"}, {"package_code": "standard"}]}
    other = {"items": [{"package_code": "standard"}, {"package_code": "starter"}]}
    for basket, status in ((one, 201), (other, 201), ({"items": [*one["items"], *one["items"]]}, 422)):
        assert post_json(browser, "purchase", basket, Idempotency_Key="basket").status_code == status
    assert Purchase.objects.count() == 1


def test_the_page_shows_the_total_and_buys_it(sandbox: Sandbox, ada: User) -> None:
    make_multi_buy()
    browser = Client()
    browser.force_login(ada)
    assert "Buy 2, get 1" in browser.get("/credits/").content.decode()
    page = browser.get("/credits/several").content.decode()
    assert "Choose how many of each you want." in page
    page = browser.get("/credits/several?count-starter=2&count-standard=1").content.decode()
    assert all(text in page for text in ("1 free", "$55.00", "7,000 credits", 'value="starter:2 standard:1"'))
    for typed in ("-1", "2.5", "x", "101", "٣"):
        page = browser.get(f"/credits/several?count-starter={typed}").content.decode()
        assert "Enter whole numbers up to 100." in page
    order = form_on(browser, "/credits/several?count-starter=2&count-standard=1", "/credits/buy")
    changed = browser.post("/credits/buy", {**order, "price": "50"})
    assert changed.status_code == 409
    assert "This offer has changed" in changed.content.decode()
    assert 'value="starter:2 standard:1"' in changed.content.decode()
    assert [browser.post("/credits/buy", order)["Location"] for _twice in range(2)]
    purchase = Purchase.objects.get()
    sandbox.pay(str(purchase.stripe_session_id))
    sandbox.wait_for_webhooks()
    page = browser.get(f"/credits/success?session_id={purchase.stripe_session_id}").content.decode()
    assert "2 × Starter Pack, Standard Pack" in page
    for broken in ("starter", "starter:0", ":2", "starter:x"):
        assert browser.post("/credits/buy", {**order, "items": broken}).status_code == 400


def test_staff_see_the_packages_and_what_a_refund_takes_of_each(
    sandbox: Sandbox, ada: User, boss: Client
) -> None:
    make_multi_buy()
    purchase = pay_for_several(sandbox, ada, standard=1, starter=2)
    page = boss.get(f"/admin/purchases/purchase/{purchase.pk}/change/").content.decode()
    assert all(
        text in page for text in ("2 × Starter Pack", "Buy 2, get 1", "−$10.00", "30 days", "no expiry")
    )
    dialog = read(boss, button_of(purchase, "refund"))
    assert "2 × Starter Pack" in dialog
    assert "2,000 of 2,000 removed" in dialog
