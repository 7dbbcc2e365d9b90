"""A payment that was not accepted, held back or second, is refunded from its purchase's page: whole, once, and
without a credit being moved. However it went back, the purchase leaves the list of staff; a refund that fails brings it
back.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from billing.purchases.models import Payment
from billing.refunds.models import Refund
from billing.refunds.refunding import issue_refund, sync_refunds
from tests.admin.pages import button_of, history_of, messages_after, page_of, read
from tests.billing.reporting import deliver, reconcile_now
from tests.returns.asking import refund_in_dashboard
from tests.returns.owing import (
    Owed,
    answers_of,
    credits_of,
    held_back,
    is_before_staff,
    make_owed,
    owed,
    refund_owed,
    refunded_at_stripe,
    sums_of,
    what_happened_to,
)
from tests.returns.selling import buy, fresh
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

__all__ = ["owed"]

pytestmark = pytest.mark.django_db(transaction=True)

# --- From its page


def test_the_dialog_shows_what_stands_at_stripe(as_superuser: Client, owed: Owed) -> None:
    purchase, payment = owed
    dialog = read(as_superuser, button_of(purchase, "refund_payment"))

    assert "$45.00 (USD)" in dialog
    assert payment in dialog
    assert fresh(purchase).get_attention_display() in dialog
    assert not Refund.objects.exists(), "looking refunds nothing"


def test_pressing_it_refunds_the_whole_payment_and_moves_no_credits(
    as_superuser: Client, superuser: User, sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    before, sums = credits_of(purchase), sums_of(purchase)
    assert is_before_staff(purchase)
    answer = refund_owed(as_superuser, purchase)

    assert (answer.status_code, answer.url) == (302, page_of(purchase))
    assert messages_after(answer) == ["$45.00 refunded. No credits were affected."]
    assert history_of(purchase) == [("stella", "Refunded a payment of $45.00: Told by mail")]
    assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]
    made = Refund.objects.get()
    assert (made.payment.purchase_id, made.payment.stripe_payment_intent_id) == (purchase.pk, payment)
    assert (made.status, made.asked_by, made.note) == (
        "succeeded",
        superuser.pk,
        "Told by mail",
    )
    assert (credits_of(purchase), sums_of(purchase)) == (before, sums)
    assert not is_before_staff(purchase)
    assert what_happened_to(purchase)[-3:] == ["refund_requested", "payment_given_back", "refund_succeeded"]
    page = read(as_superuser, page_of(purchase))
    assert page_of(made) in page
    assert button_of(purchase, "refund_payment") not in page
    sandbox.release_webhooks(order="shuffle", seed=3, copies=2)
    assert (Refund.objects.count(), credits_of(purchase), is_before_staff(purchase)) == (1, before, False)


def test_what_was_never_credited_has_failed_and_what_was_stays_completed(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    never, _payment = make_owed("held back", sandbox, buyer)
    twice, _payment = make_owed("second", sandbox, buyer)
    for purchase in (never, twice):
        refund_owed(as_superuser, purchase)

    assert (fresh(never).status, fresh(never).failure_code) == ("failed", "payment_given_back")
    assert (fresh(twice).status, fresh(twice).failure_code) == ("completed", "")


@pytest.mark.parametrize("wrong", [{"currency": "eur"}, {"user": None}, {"price_minor": 1}])
def test_whatever_kept_it_from_being_credited_it_goes_back_as_it_was_paid(
    as_superuser: Client, sandbox: Sandbox, buyer: User, wrong: dict[str, Any]
) -> None:
    purchase = held_back(sandbox, buyer, **wrong)
    refund_owed(as_superuser, purchase)

    assert str(Refund.objects.get().amount) == "$45.00"
    assert refunded_at_stripe(sandbox, purchase.stripe_payment_intent_id) == [(4500, "succeeded")]
    assert not is_before_staff(purchase)


def test_a_note_is_asked_for(as_superuser: Client, owed: Owed) -> None:
    answer = refund_owed(as_superuser, owed[0], note=" ")
    assert "This field is required." in answer.content.decode()
    assert not Refund.objects.exists()


def test_a_double_click_refunds_once(as_superuser: Client, sandbox: Sandbox, owed: Owed) -> None:
    purchase, payment = owed
    clicked, drawn_before = answers_of(as_superuser, purchase), answers_of(as_superuser, purchase)
    for _ in range(2):
        answer = as_superuser.post(button_of(purchase, "refund_payment"), clicked)
        assert messages_after(answer)[-1] == "$45.00 refunded. No credits were affected."
    late = as_superuser.post(button_of(purchase, "refund_payment"), drawn_before)

    assert messages_after(late)[-1] == "This payment has since been refunded or accepted."
    assert Refund.objects.count() == 1
    assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]


@pytest.mark.parametrize(
    "forged", [{"minor": "4499"}, {"minor": "4501"}, {"payment": "00000000-0000-4000-8000-000000000000"}]
)
def test_nothing_but_what_was_shown_goes_back(
    as_superuser: Client, owed: Owed, forged: dict[str, str]
) -> None:
    refund_owed(as_superuser, owed[0], **forged)
    assert not Refund.objects.exists()
    assert is_before_staff(owed[0])


def test_the_payment_that_was_accepted_cannot_go_back_this_way(
    as_superuser: Client, sandbox: Sandbox, buyer: User
) -> None:
    purchase, _second = make_owed("second", sandbox, buyer)
    assert purchase.accepted_payment is not None
    refund_owed(as_superuser, purchase, payment=str(purchase.accepted_payment.pk))
    assert not Refund.objects.exists()


def test_staff_refund_it_up_to_their_limit(sandbox: Sandbox, owed: Owed, settings: Any) -> None:
    settings.REFUND_LIMIT = Decimal("44.99")
    clerk = UserFactory.create(is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_purchase", "refund_purchase"]))
    answer = refund_owed(sign_in(clerk), owed[0])
    assert messages_after(answer) == [
        "Your refund limit is $44.99 per 24 hours. Ask someone with a higher limit."
    ]
    settings.REFUND_LIMIT = Decimal(45)
    refund_owed(sign_in(clerk), owed[0])
    assert refunded_at_stripe(sandbox, owed[1]) == [(4500, "succeeded")]


def test_only_who_may_refund_sees_the_button_or_can_press_it(owed: Owed) -> None:
    reader = UserFactory.create(is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_purchase"))
    button = button_of(owed[0], "refund_payment")

    assert button not in read(sign_in(reader), page_of(owed[0]))
    assert sign_in(reader).post(button, {"_form_submitted": "True"}).status_code == 403


def test_the_button_is_where_there_is_something_to_refund(
    as_superuser: Client, owed: Owed, sandbox: Sandbox
) -> None:
    purchase, _payment = owed
    plain = buy(sandbox, UserFactory.create())
    assert button_of(purchase, "refund_payment") in read(as_superuser, page_of(purchase))
    assert button_of(plain, "refund_payment") not in read(as_superuser, page_of(plain))


def test_no_other_site_can_press_it(superuser: User, owed: Owed) -> None:
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.force_login(superuser)
    answers = answers_of(elsewhere, owed[0])
    assert elsewhere.post(button_of(owed[0], "refund_payment"), answers).status_code == 403
    assert not Refund.objects.exists()


# --- When Stripe is slow, refuses, or changes its mind


def test_a_lost_answer_is_asked_for_again_and_refunds_once(
    as_superuser: Client, sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    for _ in range(5):
        sandbox.fault(method="POST", path="/v1/refunds", status=None, after=True)
    answer = refund_owed(as_superuser, purchase)
    assert messages_after(answer) == ["Stripe didn’t respond. The refund will be retried automatically."]
    assert (Refund.objects.get().status, is_before_staff(purchase)) == ("requested", False)

    sandbox.delete("/_sandbox/faults")
    assert issue_refund(Refund.objects.get().pk, look_first=True).status == "succeeded"
    assert refunded_at_stripe(sandbox, payment) == [(4500, "succeeded")]
    assert not is_before_staff(purchase)


def test_a_refusal_of_stripes_brings_it_back_before_staff(
    as_superuser: Client, sandbox: Sandbox, owed: Owed
) -> None:
    purchase, payment = owed
    refund_in_dashboard(payment, 4500)  # nobody told us yet
    before = fresh(purchase).attention
    answer = refund_owed(as_superuser, purchase)

    (told,) = messages_after(answer)
    assert told.startswith("Stripe refused the request: Charge ch_")
    assert "has already been refunded (request req_" in told
    assert told.endswith("). Nothing was refunded.")
    assert (fresh(purchase).attention, Refund.objects.get().status) == (before, "failed")
    deliver(sandbox)
    assert not is_before_staff(purchase), "it was refunded after all"


@pytest.mark.parametrize("kind", ["held back", "second"])
def test_a_refund_that_fails_days_later_brings_the_attention_back_and_can_be_tried_again(
    as_superuser: Client, sandbox: Sandbox, buyer: User, kind: str
) -> None:
    purchase, payment = make_owed(kind, sandbox, buyer)
    seen = (purchase.attention, purchase.attention_detail)
    refund_owed(as_superuser, purchase)
    deliver(sandbox)
    before = credits_of(purchase)
    sandbox.fail_refund(Refund.objects.get().stripe_refund_id or "")
    deliver(sandbox)

    now = fresh(purchase)
    assert ((now.attention, now.attention_detail), now.failure_code) == (seen, "")
    assert what_happened_to(purchase)[-2:] == ["refund_failed", "payment_owed"]
    assert credits_of(purchase) == before
    refund_owed(as_superuser, purchase)
    assert [status for _, status in refunded_at_stripe(sandbox, payment)].count("succeeded") == 1
    assert not is_before_staff(purchase)


# --- In Stripe's dashboard


@pytest.mark.parametrize("way", ["events", "charge.refunded alone", "reconciliation"])
def test_one_made_in_the_dashboard_ends_the_same(
    as_superuser: Client, sandbox: Sandbox, owed: Owed, way: str
) -> None:
    purchase, payment = owed
    before, sums = credits_of(purchase), sums_of(purchase)
    refund_in_dashboard(payment, 4500)
    if way == "events":
        sandbox.release_webhooks(order="shuffle", seed=5, copies=2)
    elif way == "charge.refunded alone":
        sandbox.release_webhooks(types=["charge.refunded"])
        sync_refunds(Payment.objects.get(stripe_payment_intent_id=payment).pk)
    else:
        reconcile_now()

    made = Refund.objects.get()
    assert (made.payment.purchase_id, made.origin, made.status) == (purchase.pk, "stripe", "succeeded")
    assert (credits_of(purchase), sums_of(purchase)) == (before, sums)
    assert not is_before_staff(purchase)
    assert "payment_given_back" in what_happened_to(purchase)


def test_a_part_leaves_the_rest_to_refund(as_superuser: Client, sandbox: Sandbox, owed: Owed) -> None:
    purchase, payment = owed
    refund_in_dashboard(payment, 1500)
    deliver(sandbox)
    assert is_before_staff(purchase)
    assert messages_after(refund_owed(as_superuser, purchase)) == [
        "$30.00 refunded. No credits were affected."
    ]
    assert sorted(refunded_at_stripe(sandbox, payment)) == [(1500, "succeeded"), (3000, "succeeded")]
    assert not is_before_staff(purchase)


@pytest.mark.parametrize("kind", ["held back", "second"])
def test_one_that_is_told_of_before_its_payment_ends_the_same(
    sandbox: Sandbox, buyer: User, kind: str
) -> None:
    purchase, payment = make_owed(kind, sandbox, buyer, is_told=False)
    payment = payment or sandbox.objects("payment_intent")[-1]["id"]
    refund_in_dashboard(payment, 4500)
    sandbox.release_webhooks(types=["refund.created", "refund.updated", "charge.refunded"])
    assert not Refund.objects.exists()
    sandbox.release_webhooks(types=["checkout.session.completed", "payment_intent.succeeded"])

    assert Refund.objects.get().purchase == purchase
    assert not is_before_staff(purchase)
    assert sums_of(purchase) == (0, 0)
