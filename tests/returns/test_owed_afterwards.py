"""What comes after a payment that was not accepted was refunded: nothing credits, counts, or asks about it again."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from billing.checkout.repair import rerun_fulfilment
from billing.mail.reversals import send_refund_mail
from billing.purchases.models import Payment, Purchase
from billing.receipts.models import Receipt
from billing.reconciliation.comparing import sweep_open_purchases
from billing.reconciliation.findings import repair_finding
from billing.refunds.models import Refund
from billing.refunds.selectors import purchases_with_documents
from billing.reporting.daily_figures import count_changed_days
from billing.reporting.models import ReturnsDay, SalesDay
from tests.admin.pages import button_of
from tests.admin.rows import make_finding
from tests.billing.reporting import deliver, reconcile_now, show_success_page
from tests.figures.plain_count import plain_returns_days, stored
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.owing import (
    Owed,
    answers_of,
    credits_of,
    is_before_staff,
    make_owed,
    owed,
    pay_again,
    refund_owed,
    refunded_at_stripe,
    what_happened_to,
)
from tests.returns.selling import came, charge_of, fresh
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

__all__ = ["owed"]

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_later_word_of_such_a_payment_credits_it_or_puts_it_before_staff(
    as_superuser: Client, sandbox: Sandbox, owed: Owed, settings: Any
) -> None:
    purchase, _payment = owed
    refund_owed(as_superuser, purchase)
    before, events = credits_of(purchase), what_happened_to(purchase)
    Purchase.objects.filter(pk=purchase.pk).update(price_minor=4500)  # as if it had agreed
    settings.SWEEP_AFTER = datetime.timedelta(0)
    deliver(sandbox, replay=True)
    assert sweep_open_purchases().purchases == 0, "nothing is left to ask about"
    assert reconcile_now().open == []
    rerun_fulfilment(purchase.pk, UserFactory.create().pk)

    assert credits_of(purchase) == before
    assert not is_before_staff(purchase)
    assert set(what_happened_to(purchase)) - set(events) <= {"fulfilment_rerun", "refund_succeeded"}


def test_what_is_accepted_after_all_is_not_refunded_this_way(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, payment = make_owed("held back", sandbox, buyer)
    refund_in_dashboard(payment, 900)
    deliver(sandbox)
    drawn = answers_of(as_superuser, purchase)
    Purchase.objects.filter(pk=purchase.pk).update(price_minor=4500)
    rerun_fulfilment(purchase.pk, UserFactory.create().pk)

    now = fresh(purchase)
    assert (now.status, now.attention, credits_of(purchase)[0]) == ("partially_refunded", "", 4000)
    as_superuser.post(button_of(purchase, "refund_payment"), drawn)
    assert Refund.objects.count() == 1


def test_of_two_further_payments_each_is_refunded(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, second = make_owed("second", sandbox, buyer)
    third = pay_again(sandbox, purchase)
    refund_owed(as_superuser, purchase)
    assert third in fresh(purchase).attention_detail
    refund_owed(as_superuser, purchase)

    assert not is_before_staff(purchase)
    for payment in (second, third):
        assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]


def test_the_accepted_payment_is_refunded_beside_it_as_ever(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, _second = make_owed("second", sandbox, buyer)
    assert came(refund(purchase, 900))[0] == 1000
    assert is_before_staff(purchase), "the second payment is still here"
    refund_owed(as_superuser, purchase)
    assert came(refund(purchase, 3600))[0] == 4000

    now = fresh(purchase)
    assert (now.status, now.refunded_minor, credits_of(purchase)[0]) == ("refunded", 4500, 0)


def test_a_chargeback_of_it_moves_no_credits_and_leaves_nothing_to_refund(
    sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    before, status = credits_of(purchase), purchase.status
    opened = sandbox.dispute(charge_of(sandbox, payment))
    deliver(sandbox)
    assert (credits_of(purchase), is_before_staff(purchase)) == (before, False)
    assert fresh(purchase).status == ("failed" if status == "pending" else status)
    sandbox.close_dispute(opened["id"], "won")
    deliver(sandbox)
    assert (credits_of(purchase), is_before_staff(purchase)) == (before, True)


def test_money_that_was_never_revenue_does_not_lower_it(
    as_superuser: Client, sandbox: Sandbox, owed: Owed
) -> None:
    count_changed_days()
    sold = list(SalesDay.objects.values_list("paid_minor", flat=True))
    refund_owed(as_superuser, owed[0])
    count_changed_days()

    assert list(SalesDay.objects.values_list("paid_minor", flat=True)) == sold
    assert not ReturnsDay.objects.exists()
    assert stored(ReturnsDay) == plain_returns_days()


def test_its_buyer_is_told_and_gets_no_credit_note(
    as_superuser: Client, owed: Owed, buyer: User, mailoutbox: list[Any]
) -> None:
    refund_owed(as_superuser, owed[0])
    made = Refund.objects.get()
    assert send_refund_mail(made.pk)

    (mail,) = mailoutbox
    assert re.search(r"refunded \$45\.00", mail.body)
    assert "No credits had been added for this payment" in mail.body
    assert (mail.attachments, Receipt.objects.count()) == ([], 0)
    shown: Any = purchases_with_documents(buyer).get()
    assert [payment.settled_refunds for payment in shown.payments.all() if payment.is_accepted] in ([], [[]])


def test_its_buyer_sees_what_became_of_the_money(as_superuser: Client, sandbox: Sandbox, buyer: User) -> None:
    purchase, _payment = make_owed("held back", sandbox, buyer)
    session = purchase.stripe_session_id or ""
    assert "We’re reviewing your payment" in show_success_page(buyer, session)
    refund_owed(as_superuser, purchase)

    page = show_success_page(buyer, session)
    assert "Your payment was refunded" in page
    assert "no money was taken" not in page


def test_a_finding_of_it_is_settled_by_repair(as_superuser: Client, sandbox: Sandbox, buyer: User) -> None:
    purchase, _payment = make_owed("held back", sandbox, buyer)
    finding = make_finding(purchase)
    refund_owed(as_superuser, purchase)
    assert repair_finding(finding.pk, UserFactory.create().pk).state == "settled"


def test_the_database_keeps_the_payments(owed: Owed) -> None:
    with pytest.raises(Exception, match="Cannot delete rows"):
        Payment.objects.all().delete()
    with pytest.raises(Exception, match="payment_amount_positive"):
        Payment.objects.update(amount_minor=0)
