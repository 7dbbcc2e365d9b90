"""A payment that was not credited, held back or second, is given back from its purchase's page: whole, once, and
without a credit being moved. However it went back, the purchase leaves the list of staff; a refund that fails brings it
back.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from billing.daily_figures import count_changed_days
from billing.findings import repair_finding
from billing.models import Purchase, Receipt, Refund, ReturnsDay, SalesDay, UncreditedPayment
from billing.reconciliation import sweep_open_purchases
from billing.refunds import issue_refund, sync_refunds
from billing.repair import rerun_fulfilment
from billing.return_mail import send_refund_mail
from billing.selectors import purchases_needing_attention, purchases_with_documents
from credits.models import Account, Entry
from tests.admin.conftest import as_clerk, as_superuser, clerk, sign_in, superuser
from tests.admin.pages import button_of, history_of, messages_after, page_of, read
from tests.admin.rows import make_finding
from tests.billing.reporting import deliver, reconcile_now, show_success_page
from tests.builders import UserFactory
from tests.figures.plain_count import plain_returns_days, stored
from tests.local_world import Sandbox
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.conftest import buy, charge_of, fresh
from tests.returns.uncredited import answers_of, give_back, held_back, pay_again, refunded_at_stripe

__all__ = ["as_clerk", "as_superuser", "clerk", "superuser"]

pytestmark = pytest.mark.django_db(transaction=True)

Owed = tuple[Purchase, str]


@pytest.fixture(params=["held back", "second"])
def owed(request: pytest.FixtureRequest, sandbox: Sandbox, buyer: User) -> Owed:
    """A purchase with a payment of $45.00 that was not credited, and that payment."""
    return make_owed(request.param, sandbox, buyer)


def make_owed(kind: str, sandbox: Sandbox, buyer: User, **how: Any) -> Owed:
    if kind == "held back":
        purchase = held_back(sandbox, buyer, **how)
        return purchase, purchase.stripe_payment_intent_id or ""
    purchase = buy(sandbox, buyer)
    second = pay_again(sandbox, purchase, **how)
    return fresh(purchase), second


def credits_of(purchase: Purchase) -> tuple[Any, int]:
    """The balance, and how many entries there are."""
    return Account.objects.get(pk=purchase.account_id).balance, Entry.objects.count()


def what_happened_to(purchase: Purchase) -> list[str]:
    return list(purchase.events.order_by("id").values_list("what", flat=True))


def is_before_staff(purchase: Purchase) -> bool:
    return purchases_needing_attention().filter(pk=purchase.pk).exists()


def sums_of(purchase: Purchase) -> tuple[Any, ...]:
    now = fresh(purchase)
    return now.refunded_minor, now.credits_asked_back, now.credits_taken_back, now.returns_booked


# --- From its page


def test_the_dialog_shows_what_stands_at_stripe(as_superuser: Client, owed: Owed) -> None:
    purchase, payment = owed
    dialog = read(as_superuser, button_of(purchase, "give_back"))

    assert "$45.00 (USD)" in dialog
    assert payment in dialog
    assert fresh(purchase).get_attention_display() in dialog
    assert not Refund.objects.exists(), "looking gives nothing back"


def test_pressing_it_gives_the_whole_payment_back_and_moves_no_credits(
    as_superuser: Client, superuser: User, sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    before, sums = credits_of(purchase), sums_of(purchase)
    assert is_before_staff(purchase)
    answer = give_back(as_superuser, purchase)

    assert (answer.status_code, answer.url) == (302, page_of(purchase))
    assert messages_after(answer) == ["$45.00 given back. No credits were moved."]
    assert history_of(purchase) == [("stella", "Gave $45.00 back: Told by mail")]
    assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]
    made = Refund.objects.get()
    assert (made.purchase_id, made.stripe_payment_intent_id, made.status, made.asked_by, made.note) == (
        purchase.pk,
        payment,
        "succeeded",
        superuser.pk,
        "Told by mail",
    )
    assert (credits_of(purchase), sums_of(purchase)) == (before, sums)
    assert not is_before_staff(purchase)
    assert what_happened_to(purchase)[-3:] == ["refund_requested", "payment_given_back", "refund_succeeded"]
    page = read(as_superuser, page_of(purchase))
    assert page_of(made) in page
    assert button_of(purchase, "give_back") not in page
    sandbox.release_webhooks(order="shuffle", seed=3, copies=2)
    assert (Refund.objects.count(), credits_of(purchase), is_before_staff(purchase)) == (1, before, False)


def test_what_was_never_credited_has_failed_and_what_was_stays_completed(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    never, _payment = make_owed("held back", sandbox, buyer)
    twice, _payment = make_owed("second", sandbox, buyer)
    for purchase in (never, twice):
        give_back(as_superuser, purchase)

    assert (fresh(never).status, fresh(never).failure_code) == ("failed", "payment_given_back")
    assert (fresh(twice).status, fresh(twice).failure_code) == ("completed", "")


@pytest.mark.parametrize("wrong", [{"currency": "eur"}, {"user": None}, {"price_minor": 1}])
def test_whatever_kept_it_from_being_credited_it_goes_back_as_it_was_paid(
    as_superuser: Client, sandbox: Sandbox, buyer: User, wrong: dict[str, Any]
) -> None:
    purchase = held_back(sandbox, buyer, **wrong)
    give_back(as_superuser, purchase)

    assert str(Refund.objects.get().amount) == "$45.00"
    assert refunded_at_stripe(sandbox, purchase.stripe_payment_intent_id) == [(4500, "succeeded")]
    assert not is_before_staff(purchase)


def test_a_note_is_asked_for(as_superuser: Client, owed: Owed) -> None:
    answer = give_back(as_superuser, owed[0], note=" ")
    assert "This field is required." in answer.content.decode()
    assert not Refund.objects.exists()


def test_a_double_click_gives_back_once(as_superuser: Client, sandbox: Sandbox, owed: Owed) -> None:
    purchase, payment = owed
    clicked, drawn_before = answers_of(as_superuser, purchase), answers_of(as_superuser, purchase)
    for _ in range(2):
        answer = as_superuser.post(button_of(purchase, "give_back"), clicked)
        assert messages_after(answer)[-1] == "$45.00 given back. No credits were moved."
    late = as_superuser.post(button_of(purchase, "give_back"), drawn_before)

    assert messages_after(late)[-1] == "This payment was given back or credited meanwhile."
    assert Refund.objects.count() == 1
    assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]


@pytest.mark.parametrize("forged", [{"minor": "4499"}, {"minor": "4501"}, {"payment": "pi_of_somebody"}])
def test_nothing_but_what_was_shown_goes_back(
    as_superuser: Client, owed: Owed, forged: dict[str, str]
) -> None:
    give_back(as_superuser, owed[0], **forged)
    assert not Refund.objects.exists()
    assert is_before_staff(owed[0])


def test_the_payment_that_was_credited_cannot_go_back_this_way(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, _second = make_owed("second", sandbox, buyer)
    give_back(as_superuser, purchase, payment=purchase.stripe_payment_intent_id or "")
    assert not Refund.objects.exists()


def test_staff_give_back_up_to_their_limit(sandbox: Sandbox, owed: Owed, settings: Any) -> None:
    settings.REFUND_LIMIT = Decimal("44.99")
    clerk = UserFactory.create(is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_purchase", "refund_purchase"]))
    answer = give_back(sign_in(clerk), owed[0])
    assert messages_after(answer) == [
        "You may refund up to $44.99 at once. Ask somebody who may refund more."
    ]
    settings.REFUND_LIMIT = Decimal(45)
    give_back(sign_in(clerk), owed[0])
    assert refunded_at_stripe(sandbox, owed[1]) == [(4500, "succeeded")]


def test_only_who_may_refund_sees_the_button_or_can_press_it(owed: Owed) -> None:
    reader = UserFactory.create(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_purchase"))
    button = button_of(owed[0], "give_back")

    assert button not in read(sign_in(reader), page_of(owed[0]))
    assert sign_in(reader).post(button, {"_form_submitted": "True"}).status_code == 403


def test_the_button_is_where_there_is_something_to_give_back(
    as_superuser: Client, owed: Owed, sandbox: Sandbox
) -> None:
    purchase, _payment = owed
    plain = buy(sandbox, UserFactory.create())
    assert button_of(purchase, "give_back") in read(as_superuser, page_of(purchase))
    assert button_of(plain, "give_back") not in read(as_superuser, page_of(plain))


def test_no_other_site_can_press_it(superuser: User, owed: Owed) -> None:
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.force_login(superuser)
    answers = answers_of(elsewhere, owed[0])
    assert elsewhere.post(button_of(owed[0], "give_back"), answers).status_code == 403
    assert not Refund.objects.exists()


# --- When Stripe is slow, refuses, or changes its mind


def test_a_lost_answer_is_asked_for_again_and_gives_back_once(
    as_superuser: Client, sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    for _ in range(5):
        sandbox.fault(method="POST", path="/v1/refunds", status=None, after=True)
    answer = give_back(as_superuser, purchase)
    assert messages_after(answer) == ["Stripe didn’t answer. The refund goes on by itself."]
    assert (Refund.objects.get().status, is_before_staff(purchase)) == ("requested", False)

    sandbox.delete("/_sandbox/faults")
    assert issue_refund(Refund.objects.get().pk, look_first=True).status == "succeeded"
    assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]
    assert not is_before_staff(purchase)


def test_a_refusal_of_stripes_brings_it_back_before_staff(
    as_superuser: Client, sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    refund_in_dashboard(Purchase(stripe_payment_intent_id=payment), 4500)  # nobody told us yet
    before = fresh(purchase).attention
    answer = give_back(as_superuser, purchase)

    assert messages_after(answer) == ["Stripe refused: Charge already refunded. Nothing was given back."]
    assert (fresh(purchase).attention, Refund.objects.get().status) == (before, "failed")
    deliver(sandbox)
    assert not is_before_staff(purchase), "it was given back after all"


@pytest.mark.parametrize("kind", ["held back", "second"])
def test_a_refund_that_fails_days_later_brings_the_attention_back_and_can_be_tried_again(
    as_superuser: Client, sandbox: Sandbox, buyer: User, kind: str
) -> None:
    purchase, payment = make_owed(kind, sandbox, buyer)
    seen = (purchase.attention, purchase.attention_detail)
    give_back(as_superuser, purchase)
    deliver(sandbox)
    before = credits_of(purchase)
    sandbox.fail_refund(Refund.objects.get().stripe_refund_id or "")
    deliver(sandbox)

    now = fresh(purchase)
    assert ((now.attention, now.attention_detail), now.failure_code) == (seen, "")
    assert what_happened_to(purchase)[-2:] == ["refund_failed", "payment_owed"]
    assert credits_of(purchase) == before
    give_back(as_superuser, purchase)
    assert [status for _, status in refunded_at_stripe(sandbox, payment)].count("succeeded") == 1
    assert not is_before_staff(purchase)


# --- In Stripe's dashboard


@pytest.mark.parametrize("way", ["events", "charge.refunded alone", "reconciliation"])
def test_one_made_in_the_dashboard_ends_the_same(
    as_superuser: Client, sandbox: Sandbox, owed: Owed, way: str
) -> None:
    purchase, payment = owed
    before, sums = credits_of(purchase), sums_of(purchase)
    refund_in_dashboard(Purchase(stripe_payment_intent_id=payment), 4500)
    if way == "events":
        sandbox.release_webhooks(order="shuffle", seed=5, copies=2)
    elif way == "charge.refunded alone":
        sandbox.release_webhooks(types=["charge.refunded"])
        sync_refunds(payment)
    else:
        reconcile_now()

    made = Refund.objects.get()
    assert (made.purchase_id, made.origin, made.status) == (purchase.pk, "stripe", "succeeded")
    assert (credits_of(purchase), sums_of(purchase)) == (before, sums)
    assert not is_before_staff(purchase)
    assert "payment_given_back" in what_happened_to(purchase)


def test_a_part_leaves_the_rest_to_give_back(as_superuser: Client, sandbox: Sandbox, owed: Owed) -> None:
    purchase, payment = owed
    refund_in_dashboard(Purchase(stripe_payment_intent_id=payment), 1500)
    deliver(sandbox)
    assert is_before_staff(purchase)
    assert messages_after(give_back(as_superuser, purchase)) == ["$30.00 given back. No credits were moved."]
    assert sorted(refunded_at_stripe(sandbox, payment)) == [(1500, "succeeded"), (3000, "succeeded")]
    assert not is_before_staff(purchase)


@pytest.mark.parametrize("kind", ["held back", "second"])
def test_one_that_is_told_of_before_its_payment_ends_the_same(
    sandbox: Sandbox, buyer: User, kind: str
) -> None:
    purchase, payment = make_owed(kind, sandbox, buyer, is_told=False)
    payment = payment or sandbox.objects("payment_intent")[-1]["id"]
    refund_in_dashboard(Purchase(stripe_payment_intent_id=payment), 4500)
    sandbox.release_webhooks(types=["refund.created", "refund.updated", "charge.refunded"])
    assert Refund.objects.get().purchase is None
    sandbox.release_webhooks(types=["checkout.session.completed", "payment_intent.succeeded"])

    assert Refund.objects.get().purchase == purchase
    assert not is_before_staff(purchase)
    assert sums_of(purchase) == (0, 0, 0, 0)


# --- Afterwards


def test_no_later_word_of_a_payment_that_was_given_back_credits_it_or_puts_it_before_staff(
    as_superuser: Client, sandbox: Sandbox, owed: Owed, settings: Any
) -> None:
    purchase, _payment = owed
    give_back(as_superuser, purchase)
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


def test_what_is_credited_after_all_is_not_given_back_this_way(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, payment = make_owed("held back", sandbox, buyer)
    refund_in_dashboard(Purchase(stripe_payment_intent_id=payment), 900)
    deliver(sandbox)
    drawn = answers_of(as_superuser, purchase)
    Purchase.objects.filter(pk=purchase.pk).update(price_minor=4500)
    rerun_fulfilment(purchase.pk, UserFactory.create().pk)

    now = fresh(purchase)
    assert (now.status, now.attention, credits_of(purchase)[0]) == ("partially_refunded", "", 4000)
    as_superuser.post(button_of(purchase, "give_back"), drawn)
    assert Refund.objects.count() == 1


def test_of_two_further_payments_each_is_given_back(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, second = make_owed("second", sandbox, buyer)
    third = pay_again(sandbox, purchase)
    give_back(as_superuser, purchase)
    assert third in fresh(purchase).attention_detail
    give_back(as_superuser, purchase)

    assert not is_before_staff(purchase)
    for payment in (second, third):
        assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]


def test_the_credited_payment_is_refunded_beside_it_as_ever(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, _second = make_owed("second", sandbox, buyer)
    assert refund(purchase, 900).credits_taken == 1000
    assert is_before_staff(purchase), "the second payment is still here"
    give_back(as_superuser, purchase)
    assert refund(purchase, 3600).credits_taken == 4000

    now = fresh(purchase)
    assert (now.status, now.refunded_minor, credits_of(purchase)[0]) == ("refunded", 4500, 0)


def test_a_chargeback_of_it_moves_no_credits_and_leaves_nothing_to_give_back(
    sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    before, status = credits_of(purchase), purchase.status
    opened = sandbox.dispute(charge_of(sandbox, Purchase(stripe_payment_intent_id=payment)))
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
    give_back(as_superuser, owed[0])
    count_changed_days()

    assert list(SalesDay.objects.values_list("paid_minor", flat=True)) == sold
    assert not ReturnsDay.objects.exists()
    assert stored(ReturnsDay) == plain_returns_days()


def test_its_buyer_is_told_and_gets_no_credit_note(
    as_superuser: Client, owed: Owed, buyer: User, mailoutbox: list[Any]
) -> None:
    give_back(as_superuser, owed[0])
    made = Refund.objects.get()
    assert send_refund_mail(made.pk)

    (mail,) = mailoutbox
    assert re.search(r"refunded \$45\.00", mail.body)
    assert "No credits had been added for this payment" in mail.body
    assert (mail.attachments, Receipt.objects.count()) == ([], 0)
    shown: Any = purchases_with_documents(buyer).get()
    assert shown.settled_refunds == []


def test_its_buyer_sees_what_became_of_the_money(as_superuser: Client, sandbox: Sandbox, buyer: User) -> None:
    purchase, _payment = make_owed("held back", sandbox, buyer)
    session = purchase.stripe_session_id or ""
    assert "We are checking your payment" in show_success_page(buyer, session)
    give_back(as_superuser, purchase)

    page = show_success_page(buyer, session)
    assert "Your payment was given back" in page
    assert "no money was taken" not in page


def test_a_finding_of_it_is_settled_by_repair(as_superuser: Client, sandbox: Sandbox, buyer: User) -> None:
    purchase, _payment = make_owed("held back", sandbox, buyer)
    finding = make_finding(purchase)
    give_back(as_superuser, purchase)
    assert repair_finding(finding.pk, UserFactory.create().pk).state == "settled"


def test_the_database_keeps_the_payments(owed: Owed) -> None:
    with pytest.raises(Exception, match="Cannot delete rows"):
        UncreditedPayment.objects.all().delete()
    with pytest.raises(Exception, match="billing_uncredited_amount_positive"):
        UncreditedPayment.objects.update(amount_minor=0)
