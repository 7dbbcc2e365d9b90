"""Credits come with a paid invoice only, once each, as lots of their own; what was bought is never touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from io import StringIO
from itertools import pairwise

import pytest
import requests
from django.core import mail
from django.core.management import call_command
from django.db import close_old_connections
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import User
from billing.errors import NoTerms, SubscriptionFixed
from billing.plans.models import Plan, add_months
from billing.privacy.erasure import erase_user
from billing.provider.errors import PaymentDeclined
from billing.provider.objects import InvoiceLine, ProviderInvoice
from billing.purchases.log import Source
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.subscriptions import syncing
from billing.subscriptions.allowances import allowances_of
from billing.subscriptions.changing import change_plan, set_ending
from billing.subscriptions.invoices import keep_invoice
from billing.subscriptions.models import GrantedLine, Subscription, SubscriptionInvoice, Terms
from billing.subscriptions.selectors import alive_subscription
from billing.subscriptions.subscribing import subscribe
from billing.subscriptions.syncing import defer_due_syncs, sync_subscription, terms_at
from credits.ledger.endings import close
from credits.ledger.models import Account, Entry, Lot
from credits.ledger.operations import open_account
from tests.billing.reporting import reconcile_now
from tests.billing.syncing import at_stripe
from tests.subscriptions.story import (
    DAY_S,
    DECLINES,
    balance,
    failed_jobs,
    fresh,
    lots,
    renew,
    sync,
    take_plan,
    told,
    work,
)
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_paid_checkout_grants_the_first_month(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    assert (taken.status, taken.terms.plan_code, taken.cancel_at_period_end) == ("active", "plus", False)
    assert failed_jobs() == []
    (lot,) = Lot.objects.filter(account=account)
    assert (lots(account), lot.cost_minor, lot.promotional) == ([Decimal(5000)], 4000, False)
    assert taken.period_end is not None
    assert lot.expires_at == add_months(taken.period_end, 1)
    purchase = Purchase.objects.get()
    payment = Payment.objects.get()
    assert (purchase.status, purchase.package, purchase.package_code) == ("completed", None, "plus")
    assert purchase.package_name.startswith("Plus, ")
    assert (payment.lot_id, payment.last4, payment.amount_minor) == (lot.pk, "4242", 4000)
    sync(taken)
    assert lots(account) == [Decimal(5000)]


def test_a_period_is_named_by_the_sites_days_whoever_looks(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.hold_webhooks()
    started = subscribe(ada, account, "plus")
    sandbox.pay(started.session_id)
    # Of the two, 25 hours apart, one has another date than the site.
    elsewhere = "Pacific/Kiritimati" if timezone.now().hour >= 10 else "Pacific/Niue"
    with timezone.override(elsewhere):
        taken = sync_subscription(started.subscription.pk)
    assert taken.period_end is not None
    last = date_format(taken.period_end, "DATE_FORMAT")
    assert Purchase.objects.get().package_name.endswith(f" – {last}")


def test_three_months_grant_three_lots_added_to_what_is_left(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    for month in (2, 3):
        taken = renew(sandbox, taken)
        assert balance(account) == 5000 * month
    assert lots(account) == [Decimal(5000)] * 3
    assert GrantedLine.objects.count() == Payment.objects.count() == 3
    assert Entry.objects.filter(kind="purchase").count() == 3
    ends = [lot.expires_at for lot in Lot.objects.order_by("pk") if lot.expires_at]
    lengths = [(after - before) // timedelta(days=1) for before, after in pairwise(ends)]
    assert len(ends) == 3
    assert all(28 <= length <= 31 for length in lengths)


def test_an_upgrade_grants_the_difference_once_it_is_paid(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    sandbox.advance(10 * DAY_S)
    changed = change_plan(ada, taken, "max")
    assert (changed.terms.plan_code, changed.status) == ("max", "active")
    _first, difference = lots(account)
    invoice = sandbox.objects("invoice")[-1]
    rest = Decimal(invoice["lines"]["data"][1]["amount"]) / 14_000
    assert difference == (15_000 * rest).quantize(Decimal("0.01"), ROUND_DOWN)
    assert Purchase.objects.latest("created_at").price_minor == invoice["amount_paid"]
    told(sandbox, taken)
    change_plan(ada, fresh(taken), "max")
    assert len(lots(account)) == 2
    renewed = renew(sandbox, taken)
    assert (lots(account)[2:], renewed.terms.plan_code) == ([Decimal(20_000)], "max")


def test_an_upgrade_that_is_declined_changes_nothing(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    sandbox.replace_card(str(account.customer.stripe_customer_id), DECLINES)
    with pytest.raises(PaymentDeclined):
        change_plan(ada, taken, "max")
    assert (told(sandbox, taken).terms.plan_code, lots(account)) == ("plus", [Decimal(5000)])


def test_a_downgrade_waits_for_the_next_period_and_going_back_grants_nothing(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada, "max")
    sandbox.advance(10 * DAY_S)
    for _ in range(2):
        taken = change_plan(ada, taken, "plus")
        assert (taken.terms.plan_code, lots(account)) == ("plus", [Decimal(20_000)])
        taken = change_plan(ada, taken, "max")
    assert lots(account) == [Decimal(20_000)]
    taken = change_plan(ada, taken, "plus")
    renew(sandbox, taken)
    assert lots(account) == [Decimal(20_000), Decimal(5000)]


def test_a_canceled_plan_ends_with_its_period_and_touches_nothing_bought(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.pay(start(ada).session_id)
    taken = take_plan(sandbox, ada)
    assert lots(account) == [Decimal(1000), Decimal(5000)]
    ending = set_ending(ada, taken, ends=True)
    assert (ending.status, ending.cancel_at_period_end, ending.next_charge_at) == ("active", True, None)
    assert set_ending(ada, ending, ends=False).next_charge_at == taken.period_end
    set_ending(ada, ending, ends=True)
    sandbox.advance(40 * DAY_S)
    ended = told(sandbox, taken)
    assert (ended.status, ended.ended_at is not None) == ("canceled", True)
    assert (lots(account), balance(account)) == ([Decimal(1000), Decimal(5000)], Decimal(6000))
    with pytest.raises(SubscriptionFixed):
        change_plan(ada, ended, "max")
    assert alive_subscription(account) is None


def test_past_due_grants_nothing_takes_nothing_and_is_granted_once_paid(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    mail.outbox.clear()
    sandbox.replace_card(str(account.customer.stripe_customer_id), DECLINES)
    behind = renew(sandbox, taken)
    sandbox.advance(4 * DAY_S)
    behind = told(sandbox, taken)
    assert (behind.status, lots(account)) == ("past_due", [Decimal(5000)])
    (sent,) = [each for each in mail.outbox if "Plus" in each.subject]
    invoice = behind.open_invoice
    assert invoice is not None
    assert invoice.hosted_url in sent.body
    with pytest.raises(SubscriptionFixed):
        change_plan(ada, behind, "max")
    card = {"card_number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
    assert requests.post(invoice.hosted_url, data=card, allow_redirects=False, timeout=10).status_code == 303
    paid = told(sandbox, taken)
    assert (paid.status, paid.open_invoice, lots(account)) == ("active", None, [Decimal(5000)] * 2)


def test_a_bank_that_still_decides_has_not_declined(sandbox: Sandbox, ada: User, account: Account) -> None:
    """A debit is tried, and open for days, while the subscription stays active."""
    taken = take_plan(sandbox, ada)
    mail.outbox.clear()
    tried = ProviderInvoice("in_9", "open", 4000, 0, "usd", "https://pay", 1, "", (), False, timezone.now())
    keep_invoice(taken.pk, tried, terms_at, Source(PurchaseEvent.Source.JOB))
    work()
    assert mail.outbox == []


def test_a_refunded_or_disputed_invoice_claws_back_its_own_lot(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    renew(sandbox, taken)
    _first, second = Purchase.objects.order_by("created_at")
    payment = Payment.objects.get(purchase=second)
    sandbox.dispute(payment.stripe_charge_id)
    told(sandbox, taken)
    second.refresh_from_db()
    assert (second.status, balance(account)) == ("disputed", Decimal(5000))
    assert [lot.remaining for lot in Lot.objects.order_by("pk")] == [Decimal(5000), Decimal(0)]


def test_a_trial_grants_with_its_first_paid_invoice(sandbox: Sandbox, ada: User, account: Account) -> None:
    Plan.objects.filter(code="plus").update(trial_days=14)
    taken = take_plan(sandbox, ada)
    assert (taken.status, lots(account)) == ("trialing", [])
    renew(sandbox, taken)
    assert lots(account) == [Decimal(5000)]


@pytest.mark.parametrize("order", ["reverse", "shuffle"])
def test_events_in_any_order_and_repeated_grant_once(
    sandbox: Sandbox, ada: User, account: Account, order: str
) -> None:
    sandbox.hold_webhooks()
    started = subscribe(ada, account, "plus")
    sandbox.pay(started.session_id)
    subscription_id = sandbox.objects("subscription")[0]["id"]
    sandbox.renew(subscription_id)
    sandbox.release_webhooks(order=order, copies=2)
    taken = told(sandbox, started.subscription)
    assert (taken.status, lots(account), failed_jobs()) == ("active", [Decimal(5000)] * 2, [])


def test_missed_events_are_found_by_the_hourly_look(
    sandbox: Sandbox, ada: User, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.hold_webhooks()
    started = subscribe(ada, account, "plus")
    sandbox.pay(started.session_id)
    assert defer_due_syncs() == 0
    monkeypatch.setattr(syncing, "DUE", timedelta(0))
    assert defer_due_syncs() == 1
    work()
    assert (fresh(started.subscription).status, lots(account)) == ("active", [Decimal(5000)])
    sandbox.renew(sandbox.objects("subscription")[0]["id"])
    monkeypatch.setattr(syncing, "QUIET", timedelta(0))
    assert defer_due_syncs() == 1
    work()
    assert lots(account) == [Decimal(5000)] * 2


def test_the_books_and_a_reconciliation_find_nothing(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    renew(sandbox, taken)
    sandbox.advance(10 * DAY_S)
    change_plan(ada, fresh(taken), "max")
    first = Purchase.objects.order_by("created_at")[0]
    payment = Payment.objects.get(purchase=first)
    at_stripe(sandbox, "refunds", payment_intent=payment.stripe_payment_intent_id, amount="2000")
    told(sandbox, taken)
    first.refresh_from_db()
    assert first.status == "partially_refunded"
    assert reconcile_now().open == []
    call_command("check_ledger", stdout=StringIO())


def test_a_closed_account_ends_its_subscription(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    close(account.pk)
    assert sync(taken).status == "canceled"
    assert sandbox.objects("subscription")[0]["status"] == "canceled"


def test_an_invoice_at_a_price_that_no_plan_has_grants_nothing_and_says_so(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    product = Plan.objects.get(code="plus").stripe_product_id
    price = {"product": product, "currency": "usd", "unit_amount": "900", "recurring[interval]": "month"}
    at_stripe(sandbox, "prices", **price)
    other = sandbox.objects("price")[-1]["id"]
    item = {"items[0][id]": taken.stripe_item_id, "items[0][price]": other, "proration_behavior": "none"}
    at_stripe(sandbox, f"subscriptions/{taken.stripe_subscription_id}", **item)
    renew(sandbox, taken)
    assert lots(account) == [Decimal(5000)]
    with pytest.raises(NoTerms):
        sync(taken)
    assert fresh(taken).terms.plan_code == "plus"
    Plan.objects.filter(code="max").update(stripe_price_id=other, stripe_price_minor=900, price_minor=900)
    assert (sync(taken).terms.plan_code, lots(account)) == ("max", [Decimal(5000), Decimal(20_000)])


def test_a_subscription_that_names_another_row_is_not_taken_over(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    taken = take_plan(sandbox, ada)
    row = Subscription.objects.create(account=open_account(UserFactory()), stripe_price_id="price_1")
    sync_subscription(row.pk, str(taken.stripe_subscription_id))
    row.refresh_from_db()
    assert (row.status, row.stripe_subscription_id, lots(row.account)) == ("pending", None, [])


def test_an_erased_subscriber_is_charged_no_more(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    erase_user(ada.pk, forfeit=True)
    ended = told(sandbox, told(sandbox, taken))  # the job that ends it at Stripe, then what Stripe says of it
    assert (ended.status, sandbox.objects("subscription")[0]["status"]) == ("canceled", "canceled")
    assert SubscriptionInvoice.objects.get().hosted_url == ""
    sandbox.advance(40 * DAY_S)
    assert len(sandbox.objects("charge")) == 1


def test_a_period_paid_for_after_its_end_lasts_as_long_from_then() -> None:
    start, now = datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)
    line = InvoiceLine("il_1", 4000, "price_1", False, start, datetime(2027, 2, 1, tzinfo=UTC), ())
    terms = Terms(
        credits=Decimal(5000), price_minor=4000, interval="month", rollover="none", stripe_price_id="price_1"
    )
    invoice = ProviderInvoice("in_1", "paid", 4000, 4000, "usd", "", 1, "pi_1", (line,), False, start)
    for at, expires_at in ((start, line.period_end), (now, now + timedelta(days=31))):
        (allowance,) = allowances_of(Subscription(), invoice, lambda row, price: terms, at)
        assert (allowance.credits, allowance.expires_at) == (Decimal(5000), expires_at)


def test_syncs_at_once_grant_once(sandbox: Sandbox, ada: User, account: Account) -> None:
    sandbox.hold_webhooks()
    started = subscribe(ada, account, "plus")
    sandbox.pay(started.session_id)

    def look(_: int) -> str:
        try:
            return sync_subscription(started.subscription.pk).status
        finally:
            close_old_connections()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(look, range(4))) == {"active"}
    assert (lots(account), Purchase.objects.count()) == ([Decimal(5000)], 1)
