"""A pack brings its credits and its bonus: two lots, the second promotional and with an expiry of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.models import User
from billing.checkout.fulfilment import grant_missing_credits
from billing.discounts.models import DiscountCode
from billing.errors import CatalogError
from billing.packages.catalog import load_catalog
from billing.packages.catalog_file import read_catalog
from billing.packages.models import Package
from billing.purchases.exports import purchases_csv
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent, ScheduledGrant
from billing.receipts.issuing import file_of, issue_receipt
from credits.ledger.models import Account, Entry, Lot
from credits.ledger.selectors import get_balance
from tests.admin.pages import button_of, read
from tests.auto_top_up.saving import save_card, set_up, spend_all_but, tick
from tests.billing.calling import API, browser_of, post_json
from tests.billing.reporting import reconcile_now
from tests.billing.worker import run_worker
from tests.credits.builders import no_triggers
from tests.discounts.making import buy, make_code
from tests.receipts.papers import text_of
from tests.support.builders import start
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _proven(db: None) -> Iterator[None]:
    yield
    call_command("check_ledger", stdout=StringIO())


def pay(sandbox: Sandbox, user: User, **order: Any) -> Purchase:
    started = start(user, **order)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    return Purchase.objects.get(pk=started.purchase.pk)


def lots() -> list[tuple[int, int | None, bool, int | None]]:
    """Of each lot: credits, cost, whether it is promotional, and for how many days it lasts."""
    return [
        (
            int(lot.amount),
            lot.cost_minor,
            lot.promotional,
            None if lot.expires_at is None else round((lot.expires_at - lot.created_at) / DAY),
        )
        for lot in Lot.objects.order_by("pk")
    ]


def test_a_paid_pack_brings_two_lots_once(sandbox: Sandbox, ada: User) -> None:
    started = start(ada)
    (session,) = sandbox.objects("checkout.session")
    words = "1,000 credits and 200 bonus credits for your personal account"
    assert session["custom_text"]["submit"]["message"] == words
    assert not ScheduledGrant.objects.exists()
    call_command("check_ledger", stdout=StringIO())  # also while it is open
    # What was promised stays, whatever happens to the package.
    Package.objects.update(bonus_credits=0, bonus_validity_days=None)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    assert lots() == [(1000, 1000, False, None), (200, None, True, 30)]
    entries = list(Entry.objects.order_by("pk"))
    assert [(each.kind, each.metadata["description"]) for each in entries] == [
        ("purchase", "Starter Pack"),
        ("promotion", "Bonus: Starter Pack"),
    ]
    assert reconcile_now().open == []
    grant_missing_credits(started.purchase.pk, Source(PurchaseEvent.Source.STAFF))
    assert len(lots()) == 2
    assert pay(sandbox, ada).bonus_credits == 0


@pytest.mark.parametrize(
    ("validity", "of_the_bonus", "days"), [(90, None, 90), (90, 7, 7), (None, None, None)]
)
def test_a_bonus_lasts_as_long_as_the_credits_unless_it_says_otherwise(
    sandbox: Sandbox, ada: User, validity: int | None, of_the_bonus: int | None, days: int | None
) -> None:
    Package.objects.update(validity_days=validity)
    Package.objects.filter(code="starter").update(bonus_validity_days=of_the_bonus)
    pay(sandbox, ada)
    assert lots() == [(1000, 1000, False, validity), (200, None, True, days)]


def test_several_packs_a_code_and_a_free_pack_bring_it(sandbox: Sandbox, ada: User) -> None:
    make_code(once_per_buyer=False)
    bought = pay(sandbox, ada, quantity=3, discount_code="SPRING-20")
    assert (bought.credits_in_words, bought.price_minor) == ("3,000 credits and 600 bonus credits", 2400)
    assert lots() == [(3000, 2400, False, None), (600, None, True, 30)]
    DiscountCode.objects.update(percent=100)
    assert buy(ada).purchase.status == "completed"
    assert lots()[2:] == [(1000, None, True, None), (200, None, True, 30)]
    Package.objects.filter(code="standard").update(price_minor=0, bonus_credits=50)
    assert start(ada, "standard").purchase.status == "completed"
    assert lots()[4:] == [(5000, None, True, None), (50, None, True, None)]


def test_a_saved_card_and_automatic_top_up_bring_it(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    start(ada, by_default_card=True)
    assert len(lots()) == 4
    set_up(ada, account)
    spend_all_but(account, 100)
    assert tick() == 1
    assert lots()[4:] == [(1000, 1000, False, None), (200, None, True, 30)]
    assert Account.objects.get().balance == 1300


def test_the_api_tells_the_bonus(sandbox: Sandbox, ada: User) -> None:
    browser = browser_of(ada)
    starter, standard, *_rest = browser.get(f"{API}packages").json()
    assert (starter["bonus_credits"], starter["bonus_validity_days"]) == (200, 30)
    assert (standard["bonus_credits"], standard["bonus_validity_days"]) == (0, None)
    quoted = post_json(browser, "quote", {"package_code": "starter", "quantity": 2}).json()
    assert (quoted["credits"], quoted["bonus_credits"], quoted["total"]) == (2000, 400, 20.0)
    pay(sandbox, ada)
    (purchase,) = browser.get(f"{API}history").json()
    assert (purchase["amount_credits"], purchase["bonus_credits"]) == (1000, 200)
    assert get_balance(ada).lifetime_purchased == 1000


def test_buyers_are_told_the_bonus_apart(sandbox: Sandbox, ada: User) -> None:
    browser = browser_of(ada)
    shop = browser.get("/credits/").content.decode()
    assert "+ 200 bonus credits, valid for 30 days" in shop
    assert shop.count("bonus credits") == 1
    purchase = pay(sandbox, ada)
    done = browser.get("/credits/success", {"session_id": str(purchase.stripe_session_id)}).content.decode()
    assert "1,000 credits and 200 bonus credits added" in done
    assert "+ 200 bonus" in browser.get("/credits/history/").content.decode()
    run_worker()
    (message,) = mail.outbox
    assert "1,000 credits and 200 bonus credits were added to your account." in message.body
    assert "Bonus:       200" in message.body
    assert "month by month" not in message.body
    paper = text_of(file_of(issue_receipt(purchase.pk)).content)
    assert "Bonus credits" in paper
    header, line = (each.strip().split(",") for each in purchases_csv(Purchase.objects.all()))
    row = dict(zip(header, line, strict=True))
    assert (row["credits"], row["bonus_credits"]) == ("1000", "200")


def test_staff_see_and_set_the_bonus(sandbox: Sandbox, ada: User, admin_user: User) -> None:
    boss: Client = sign_in(admin_user)
    starter = Package.objects.get(code="starter")
    page = f"/admin/packages/package/{starter.pk}/change/"
    facts = {
        "name": "Starter", "credits": "1000", "price": "10", "currency": "usd", "display_order": "1",
        "prices-TOTAL_FORMS": "0", "prices-INITIAL_FORMS": "0",
        "asked_prices-TOTAL_FORMS": "0", "asked_prices-INITIAL_FORMS": "0",
    }  # fmt: skip
    refused: Any = boss.post(page, {**facts, "bonus_credits": "0", "bonus_validity_days": "5"})
    assert "Enter the bonus credits as well." in refused.content.decode()
    answer: Any = boss.post(
        page, {**facts, "is_active": "on", "bonus_credits": "250.5", "bonus_validity_days": "5"}
    )
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    starter.refresh_from_db()
    assert (starter.bonus_credits, starter.bonus_validity_days) == (Decimal("250.5"), 5)
    kept: Any = AuditEntry.objects.filter(kind="packages.package").latest("pk").after
    assert (kept["bonus_credits"], kept["bonus_validity_days"]) == (Decimal("250.5"), 5)
    purchase = pay(sandbox, ada)
    assert "250.5" in read(boss, f"/admin/purchases/purchase/{purchase.pk}/change/")
    shown = read(boss, button_of(purchase, "refund"))
    assert "1,000 of 1,000 credits and 250.5 of 250.5 bonus credits are unspent." in shown
    assert "1,000 + 250.5 bonus" in read(boss, f"/admin/customers/{purchase.account_id}/")


def test_the_catalogue_has_the_bonus(db: None, tmp_path: Any) -> None:
    file = tmp_path / "catalog.toml"
    pack = 'currency = "usd"\n[[package]]\ncode = "a"\nname = "A"\ncredits = 10\nprice = 5\n'
    file.write_text(pack + "bonus_credits = 2.5\nbonus_validity_days = 3\n")
    for outcome in ("created", "unchanged"):
        (loaded,) = load_catalog(read_catalog(file))
        assert (loaded.outcome, Package.objects.get().bonus_credits) == (outcome, Decimal("2.5"))
    for line in ("bonus_validity_days = 3", "bonus_credits = -1", "bonus_credits = 1.001"):
        file.write_text(f"{pack}{line}\n")
        with pytest.raises(CatalogError, match=r"catalog.toml:7|line 7"):
            read_catalog(file)
    file.write_text(pack)
    load_catalog(read_catalog(file))
    assert Package.objects.get().bonus_credits == 0


def test_the_database_holds_it_by_itself(sandbox: Sandbox, ada: User) -> None:
    purchase = pay(sandbox, ada)
    for rows, wrong in (
        (Package.objects.all(), {"bonus_credits": -1}),
        (Package.objects.all(), {"bonus_credits": 0, "bonus_validity_days": 5}),
        (Purchase.objects.all(), {"grants_count": 1}),
        (Purchase.objects.all(), {"bonus_credits": 0}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)
    with no_triggers(), pytest.raises(IntegrityError), transaction.atomic():
        purchase.scheduled_grants.filter(position=2).update(cost_minor=1)
