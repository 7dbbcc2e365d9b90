"""A year is paid at once and its credits come month by month; what is refunded goes back from the last month on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import cast

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from billing.checkout.scheduled_grants import defer_due_grants, grant_scheduled
from billing.money import spread
from billing.plans.models import Plan, add_months
from billing.provider.objects import InvoiceLine, ProviderInvoice
from billing.purchases.log import Source
from billing.purchases.models import Payment, Purchase, PurchaseEvent, ScheduledGrant
from billing.refunds.claims import claim_of
from billing.refunds.models import Refund
from billing.refunds.refunding import RefundOrder, preview_refund, refund_purchase
from billing.reporting.balance import unbalanced_currencies
from billing.reporting.daily_figures import bring_figures_up_to_date
from billing.reporting.to_come import paid_to_come
from billing.subscriptions.allowances import allowances_of, months_of
from billing.subscriptions.changing import change_plan
from billing.subscriptions.models import GrantedLine, Subscription, Terms
from core.days import day_of
from credits.ledger.endings import close
from credits.ledger.models import Account, Entry, Lot
from credits.ledger.operations import spend
from tests.billing.reporting import reconcile_now
from tests.billing.syncing import at_stripe
from tests.credits.builders import no_triggers
from tests.figures.dashboard import file_of, number_of
from tests.subscriptions.story import DAY_S, balance, fresh, lots, sync, take_plan, told, work
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)
JOB = Source(PurchaseEvent.Source.JOB)
MONTH = Decimal(5000)


@pytest.fixture
def yearly(shop: None) -> None:
    Plan.objects.filter(code="plus").update(interval="year", price_minor=40_000)
    Plan.objects.filter(code="max").update(interval="year", price_minor=140_000)
    call_command("sync_catalog", stdout=StringIO())


@pytest.fixture
def taken(sandbox: Sandbox, yearly: None, ada: User) -> Subscription:
    return take_plan(sandbox, ada)


def month(number: int) -> datetime:
    """A moment within the month, counted from 1."""
    return ScheduledGrant.objects.get(position=number).due_at + timedelta(days=1)


def let_come(number: int) -> None:
    """Let the grants come that are due in a month."""
    for purchase in Purchase.objects.all():
        grant_scheduled(purchase.pk, JOB, month(number))


def proven() -> None:
    """Stripe and the books agree, and all that was paid is accounted for."""
    agreed()
    bring_figures_up_to_date()
    assert list(unbalanced_currencies()) == []


def agreed() -> None:
    assert reconcile_now().open == []
    call_command("check_ledger", stdout=StringIO())


def test_a_year_is_one_payment_and_a_lot_each_month(taken: Subscription, account: Account) -> None:
    assert lots(account) == [MONTH]
    purchase, payment = Purchase.objects.get(), Payment.objects.get()
    assert (int(purchase.credits), purchase.price_minor, payment.amount_minor) == (60_000, 40_000, 40_000)
    assert taken.period_end is not None
    grants = list(ScheduledGrant.objects.all())
    assert [each.credits for each in grants] == [MONTH] * 12
    assert (sum(each.cost_minor for each in grants), grants[-1].due_at) == (
        40_000,
        add_months(taken.period_end, -1),
    )
    # Capped at one month: the last month's credits stay for a month more.
    assert grants[-1].expires_at == add_months(taken.period_end, 1)

    assert defer_due_grants() == 0
    assert taken.next_grant_at == grants[1].due_at
    assert defer_due_grants(month(3)) == 1
    let_come(3)
    let_come(3)
    assert (lots(account), defer_due_grants(month(3))) == ([MONTH] * 3, 0)
    assert list(Lot.objects.order_by("pk").values_list("cost_minor", "expires_at")) == [
        (each.cost_minor, each.expires_at) for each in grants[:3]
    ]
    sync(taken)
    let_come(12)
    assert (lots(account), int(GrantedLine.objects.get().credits)) == ([MONTH] * 12, 60_000)
    assert fresh(taken).next_grant_at == taken.period_end
    proven()


def test_the_job_grants_what_is_due(taken: Subscription, account: Account) -> None:
    with no_triggers():  # a month ago, it was due in a month
        ScheduledGrant.objects.filter(position=2).update(due_at=timezone.now())
    assert defer_due_grants() == 1
    work()
    assert lots(account) == [MONTH] * 2
    (event,) = PurchaseEvent.objects.filter(what="scheduled_credits_granted")
    assert event.detail == {"entries": [Entry.objects.latest("pk").pk]}
    assert defer_due_grants() == 0


def test_a_partial_refund_goes_back_from_the_last_month_on(
    sandbox: Sandbox, taken: Subscription, account: Account, admin_user: User
) -> None:
    let_come(3)
    purchase = Purchase.objects.get()
    preview = preview_refund(purchase)
    assert (preview.amount.minor, preview.credits_left) == (40_000, preview.credits_asked)
    assert preview.credits_left == 60_000
    spend(account.pk, Decimal(6000), key="work")
    # Ten months are unspent, of which nine are still to come, and four fifths of the second.
    assert preview_refund(Purchase.objects.get()).amount.minor == 36_000
    boss = sign_in(admin_user)
    proven()
    assert number_of(boss, "deferred_revenue")[0] == "360.00"
    assert file_of(boss, "outstanding")[0]["deferred_revenue"] == "360.00"

    order = RefundOrder(
        30_000, Refund.Reason.OTHER, Refund.Policy.BLOCK, "nine months", Refund.Origin.ADMIN, admin_user
    )
    refund = refund_purchase(purchase.pk, order)
    told(sandbox, taken)
    assert (int(claim_of(refund).amount), int(balance(account))) == (0, 9000)  # nothing that came was taken
    proven()
    # Money that goes back for what is still to come was never earned, and lowers nothing that was.
    assert number_of(boss, "deferred_revenue")[0] == "60.00"
    assert number_of(boss, "recognised_revenue")[0] == "40.00"
    at_stripe(
        sandbox, "refunds", payment_intent=Payment.objects.get().stripe_payment_intent_id, amount="1667"
    )
    told(sandbox, taken)
    # Of the third month, half: 2,500 and a half credit for the half cent.
    assert balance(account) == 9000 - Decimal("2500.5")
    let_come(12)
    assert (lots(account), defer_due_grants(month(12))) == ([MONTH] * 3, 0)
    proven()


def test_what_comes_partly_refunded_is_claimed_as_it_comes(
    sandbox: Sandbox, taken: Subscription, account: Account
) -> None:
    payment = Payment.objects.get()
    at_stripe(sandbox, "refunds", payment_intent=payment.stripe_payment_intent_id, amount="35000")
    told(sandbox, taken)
    assert balance(account) == MONTH
    let_come(2)
    assert (lots(account), balance(account)) == ([MONTH, MONTH], Decimal(7500))
    let_come(12)
    assert lots(account) == [MONTH, MONTH]
    proven()


def test_a_dispute_stops_what_is_to_come_until_it_is_won(
    sandbox: Sandbox, taken: Subscription, account: Account
) -> None:
    let_come(2)
    dispute = sandbox.dispute(Payment.objects.get().stripe_charge_id)
    told(sandbox, taken)
    assert (int(balance(account)), Purchase.objects.get().status) == (0, "disputed")
    let_come(4)
    assert (lots(account), defer_due_grants(month(4))) == ([MONTH] * 2, 0)
    proven()
    sandbox.close_dispute(dispute["id"], "won")
    told(sandbox, taken)
    assert balance(account) == 2 * MONTH
    let_come(4)
    assert balance(account) == 4 * MONTH
    proven()


def test_what_a_dispute_held_back_comes_with_its_whole_life(
    sandbox: Sandbox, taken: Subscription, account: Account
) -> None:
    dispute = sandbox.dispute(Payment.objects.get().stripe_charge_id)
    told(sandbox, taken)
    with no_triggers():  # it took five months, and what came meanwhile has expired
        for each in ScheduledGrant.objects.filter(position__gt=1):
            ago = timedelta(days=150)
            moved = {"due_at": each.due_at - ago, "expires_at": cast(datetime, each.expires_at) - ago}
            ScheduledGrant.objects.filter(pk=each.pk).update(**moved)
    sandbox.close_dispute(dispute["id"], "won")
    told(sandbox, taken)
    for _ in range(2):
        assert defer_due_grants() in (0, 1)
        work()
    late = Lot.objects.order_by("pk")[1]
    assert late.expires_at is not None
    assert late.expires_at > timezone.now() + timedelta(days=55)
    assert len(lots(account)) > 3


def test_the_next_credits_are_not_those_that_were_refunded(
    sandbox: Sandbox, taken: Subscription, account: Account
) -> None:
    payment = Payment.objects.get()
    at_stripe(sandbox, "refunds", payment_intent=payment.stripe_payment_intent_id, amount="36667")
    assert told(sandbox, taken).next_grant_at == taken.period_end


def test_a_refund_of_the_whole_year_takes_back_what_came(
    sandbox: Sandbox, taken: Subscription, account: Account
) -> None:
    let_come(3)
    spend(account.pk, Decimal(6000), key="work")
    at_stripe(sandbox, "refunds", payment_intent=Payment.objects.get().stripe_payment_intent_id)
    told(sandbox, taken)
    refund = Refund.objects.get()
    claimed = claim_of(refund)
    assert (int(claimed.amount), int(claimed.taken), int(claimed.waived)) == (15_000, 9000, 6000)
    assert (int(balance(account)), defer_due_grants(month(12))) == (0, 0)
    proven()


def test_an_upgrade_grants_the_difference_over_the_months_that_are_left(
    sandbox: Sandbox, taken: Subscription, ada: User, account: Account
) -> None:
    sandbox.advance(100 * DAY_S)
    change_plan(ada, fresh(taken), "max")
    told(sandbox, taken)
    upgrade = Purchase.objects.latest("created_at")
    grants = list(upgrade.scheduled_grants.all())
    line = sandbox.objects("invoice")[-1]["lines"]["data"][1]
    rest = Decimal(line["amount"]) / 140_000
    assert abs(upgrade.credits - 15_000 * 12 * rest) < Decimal("0.02")
    assert sum(each.credits for each in grants) == upgrade.credits
    assert sum(each.cost_minor for each in grants) == upgrade.price_minor
    # The rest of this month, then whole ones. Stripe counts days, we months: a little less than 15,000 each.
    assert len(grants) == 9
    assert grants[0].credits < grants[1].credits
    assert len({each.credits.quantize(Decimal(1)) for each in grants[1:]}) <= 2
    assert abs(grants[1].credits - 15_000) < 300
    assert lots(account)[1:] == [grants[0].credits]
    assert (
        grants[-1].due_at
        == ScheduledGrant.objects.get(purchase=Purchase.objects.earliest("created_at"), position=12).due_at
    )
    agreed()  # the figures, by our clock, don't know of a payment yet to be made


def test_a_closed_account_gets_no_more_and_forfeits_the_rest(
    sandbox: Sandbox, taken: Subscription, account: Account
) -> None:
    at_stripe(
        sandbox, "refunds", payment_intent=Payment.objects.get().stripe_payment_intent_id, amount="5000"
    )
    told(sandbox, taken)
    close(account.pk)
    assert defer_due_grants(month(12)) == 0
    let_come(12)
    assert lots(account) == [MONTH]
    proven()
    assert paid_to_come(day_of(timezone.now()), "usd") == 0


def test_months_are_counted_from_the_end_of_a_period() -> None:
    def period(start: datetime, end: datetime) -> list[tuple[datetime, datetime, Decimal]]:
        return months_of(InvoiceLine("il_1", 1, "price_1", False, start, end, ()), 12)

    leap = period(datetime(2028, 2, 29, tzinfo=UTC), datetime(2029, 2, 28, tzinfo=UTC))
    assert (len(leap), leap[0][0], leap[1][0]) == (
        12,
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2028, 3, 28, tzinfo=UTC),
    )
    within = period(datetime(2027, 5, 16, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC))
    assert [(start.month, end.month) for start, end, _ in within] == [(5, 6), (6, 7)]
    assert within[0][2] == Decimal(16) / 31
    assert within[1][2] == 1


def test_an_upgrade_just_before_a_month_ends_begins_with_the_next() -> None:
    start = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)
    line = InvoiceLine("il_1", 100, "price_1", False, start, datetime(2027, 9, 1, tzinfo=UTC), ())
    line = replace(line, is_proration=True)
    terms = Terms(
        credits=Decimal("0.50"), price_minor=100, interval="year", rollover="none", stripe_price_id="price_1"
    )
    invoice = ProviderInvoice("in_1", "paid", 100, 100, "usd", "", 1, "pi_1", (line,), False, start)
    found = allowances_of(Subscription(), invoice, lambda row, price: terms, start)
    assert (found[0].due_at, found[0].credits > 0) == (start, True)


def test_a_sum_is_spread_without_a_rest() -> None:
    for total in (1, 11, 4034, 40_000, 99_999):
        shares = spread(Decimal(total), [Decimal(1)] * 12, Decimal(1))
        assert (sum(shares), max(shares) - min(shares) <= 1) == (total, True)
    for number in range(1, 200):  # a part of a month, as after an upgrade, whose quotients have no end
        weights = [Decimal(number) / 31, *[Decimal(10) / 3] * 8]
        assert sum(spread(Decimal(72603), weights, Decimal(1))) == 72603
