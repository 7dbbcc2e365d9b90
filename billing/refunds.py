"""Refunds: what one would do, asking for one, and what Stripe says came of it.

The refund's row and the credits that go with it are committed first; then Stripe is called, with an idempotency key
made of the row's id; then the answer is recorded. From the click on the credits can't be spent. Where the process dies
before the answer is recorded, the job asks again and gets the same answer. A refund that fails, at once or days later,
gives its credits back to their lot. Refunds made at Stripe come in through `record_refund` as ours do.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import cast
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from billing import stripe_gateway
from billing.errors import (
    IdempotencyKeyReused,
    InvalidRefund,
    NotRefundable,
    RefundAboveLimit,
    StripeRefused,
    StripeUnavailable,
)
from billing.jobs import issue_refund_later, look_for_purchase_later, send_refund_mail
from billing.matching import as_uuid, purchase_of_payment
from billing.models import Purchase, PurchaseEvent, Refund
from billing.money import Money, decimal_places
from billing.purchase_log import Change, Told, lock_purchase, record
from billing.returns import Cause, Returned, credits_for, lot_of, settle_returns
from billing.stripe_gateway import RefundRequest
from billing.stripe_objects import StripeRefund
from billing.uncredited_payments import owed_payments, settle_attention_of
from credits import ledger
from credits.models import Entry

log = structlog.get_logger(__name__)
Status = Refund.Status

# A report never leads back: each status stands for one that came later than those before it.
ORDER = (
    Status.REQUESTED,
    Status.PENDING,
    Status.REQUIRES_ACTION,
    Status.SUCCEEDED,
    Status.CANCELED,
    Status.FAILED,
)
LONGEST_NOTE = 300


@dataclass(frozen=True)
class RefundOrder:
    """What is to be refunded and why. ``idempotency_key`` makes a repeat give the first refund again.

    ``uncredited_payment`` is Stripe's id of a payment of the purchase that was not credited, and is given back whole;
    without one, what is refunded is the payment that was.
    """

    amount_minor: int
    reason: Refund.Reason
    policy: Refund.Policy
    note: str
    origin: Refund.Origin
    asked_by: User
    idempotency_key: str | None = None
    uncredited_payment: str | None = None


@dataclass(frozen=True)
class Preview:
    """What a refund would do now. ``credits_left`` of the purchase's lot are unspent and not held; of
    ``credits_asked`` so many would be ``taken``, the rest is owed, let go, or keeps it from happening, by the policy.
    """

    purchase: Purchase
    amount: Money
    credits_left: Decimal
    credits_asked: Decimal

    @property
    def credits_taken(self) -> Decimal:
        return min(self.credits_asked, self.credits_left)

    @property
    def credits_spent(self) -> Decimal:
        """Those of the credits asked back that are gone."""
        return self.credits_asked - self.credits_taken


def preview_refund(purchase: Purchase, amount_minor: int | None = None) -> Preview:
    """What refunding so much would do; without an amount, the unspent share of what can still be refunded.

    Raises:
        NotRefundable: the purchase isn't paid, or less than that is left to refund.
        InvalidRefund: the amount isn't above zero.
    """
    _check_credited(purchase)
    lot = lot_of(purchase)
    left = lot.remaining - lot.held
    if amount_minor is None:
        amount_minor = unspent_share(purchase, left)
    else:
        _check_amount(purchase, amount_minor)
    already = credits_for(purchase, purchase.refunded_minor)
    asked = credits_for(purchase, purchase.refunded_minor + amount_minor) - already
    return Preview(purchase, Money(amount_minor, purchase.currency), left, max(Decimal(0), asked))


def unspent_share(purchase: Purchase, credits_left: Decimal) -> int:
    """What the unspent credits were paid with, in minor units, rounded down; at most what is left to refund."""
    share = Decimal(purchase.paid.minor) * credits_left / purchase.credits
    return min(purchase.refundable.minor, int(share.to_integral_value(rounding=ROUND_DOWN)))


def refund_purchase(purchase_id: UUID, order: RefundOrder) -> Refund:
    """Refunds a purchase in part or whole: takes the credits back, then asks Stripe. Gives the refund as it then
    stands; one that Stripe didn't answer is ``requested``, and a job goes on asking.

    Raises:
        NotRefundable, InvalidRefund: see `preview_refund`; InvalidRefund also where nothing says why, NotRefundable
            also where the payment that was not credited is gone, or less of it is left.
        CreditsWereSpent: the policy is ``block``, and less is left than would be taken.
        RefundAboveLimit: more than whoever asks may refund at once.
        IdempotencyKeyReused: the key came before with another amount or policy.
    """
    refund, is_new = _ask(purchase_id, order)
    if is_new:
        with suppress(StripeUnavailable):  # logged where it was raised; the job goes on
            return issue_refund(refund.pk)
    return refund


def issue_refund(refund_id: UUID, *, look_first: bool = False) -> Refund:
    """Asks Stripe for a refund that was asked for here, and records the answer. Safe to repeat: the row's id is the
    idempotency key, and ``look_first`` finds one that Stripe made longer ago than it remembers keys.

    Raises:
        StripeUnavailable: no answer; the refund stays ``requested``.
    """
    refund = Refund.objects.get(pk=refund_id)
    if refund.status != Status.REQUESTED:
        return refund
    told = Told(PurchaseEvent.Source.STAFF, actor_id=refund.asked_by)
    try:
        answer = _found_at_stripe(refund) if look_first else None
        answer = answer or stripe_gateway.create_refund(
            RefundRequest(str(refund.pk), refund.stripe_payment_intent_id, refund.amount_minor, refund.reason)
        )
    except StripeRefused as error:
        return _refuse(refund.pk, str(error.params.get("stripe_code") or error.code), told)
    with transaction.atomic():
        return record_refund(answer, told)


def sync_refunds(payment_intent_id: str) -> int:
    """Records every refund that Stripe has of a payment: for when we know that we don't know them all. How many.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    told = Told(PurchaseEvent.Source.JOB)
    found = list(stripe_gateway.list_refunds(payment_intent_id))
    for refund in found:
        with transaction.atomic():
            record_refund(refund, told)
    return len(found)


def record_refund(reported: StripeRefund, told: Told) -> Refund:
    """Brings our record of a refund to what Stripe reports, and the purchase's credits with it. Makes the record where
    there is none. In the caller's transaction; an older report than the last one changes nothing.
    """
    purchase = purchase_of_payment(reported.payment_intent_id)
    refund = _locked(reported) or _made_at_stripe(reported, purchase)
    status = Status(reported.status)
    is_news = refund.stripe_refund_id is None or ORDER.index(status) > ORDER.index(Status(refund.status))
    if is_news:
        refund.stripe_refund_id = reported.id
        refund.failure_reason = reported.failure_reason[:100]
        _move_to(refund, status)
    if purchase is not None and (is_news or refund.purchase_id is None):
        refund.purchase = purchase
        refund.save()
        _settle(purchase, refund, f"refund_{status}", told)
    elif purchase is None:
        look_for_purchase_later(reported.payment_intent_id)
    return refund


def _ask(purchase_id: UUID, order: RefundOrder) -> tuple[Refund, bool]:
    """Writes the refund down and takes the credits; whether it is new."""
    with transaction.atomic(durable=True):
        purchase = lock_purchase(purchase_id)
        if order.idempotency_key:
            made = purchase.refunds.filter(idempotency_key=order.idempotency_key).first()
            if made is not None:
                if (made.amount_minor, made.policy) != (order.amount_minor, order.policy):
                    raise IdempotencyKeyReused("This key was used for another refund.")
                return made, False
        amount = _check_order(purchase, order)
        refund = Refund.objects.create(
            purchase=purchase,
            amount_minor=amount.minor,
            currency=amount.currency,
            reason=order.reason,
            note=order.note.strip(),
            policy=order.policy,
            origin=order.origin,
            asked_by=order.asked_by.pk,
            idempotency_key=order.idempotency_key,
            stripe_payment_intent_id=order.uncredited_payment or purchase.stripe_payment_intent_id or "",
        )
        _settle(
            purchase, refund, "refund_requested", Told(PurchaseEvent.Source.STAFF, actor_id=order.asked_by.pk)
        )
        issue_refund_later(refund.pk)
    return refund, True


def _settle(purchase: Purchase, refund: Refund, what: str, told: Told) -> None:
    """Moves the credits, and writes down with the purchase and the refund what was moved."""
    metadata = {"refund": str(refund.pk), "status": refund.status}
    cause = Cause(kind=Entry.Kind.REFUND, policy=cast(ledger.Policy, refund.policy), metadata=metadata)
    returned = settle_returns(purchase, cause)
    refund.credits_asked += returned.asked
    refund.credits_taken += returned.taken
    refund.credits_owed += returned.owed
    refund.save()
    record(purchase, Change(what, detail=_detail(refund, returned)), told)
    settle_attention_of(purchase, refund.stripe_payment_intent_id, told)


def _detail(refund: Refund, returned: Returned) -> dict[str, str]:
    moved = {"credits": str(-returned.taken), "owed": str(returned.owed), "let_go": str(returned.let_go)}
    return {
        "refund": str(refund.pk),
        "amount": str(refund.amount),
        **{k: v for k, v in moved.items() if Decimal(v)},
    }


def _refuse(refund_id: UUID, reason: str, told: Told) -> Refund:
    """Stripe won't: the credits go back at once."""
    with transaction.atomic():
        purchase_id = Refund.objects.values_list("purchase_id", flat=True).get(pk=refund_id)
        purchase = lock_purchase(purchase_id)
        refund = Refund.objects.select_for_update(of=("self",)).get(pk=refund_id)
        if refund.status == Status.REQUESTED:
            refund.failure_reason = reason[:100]
            _move_to(refund, Status.FAILED)
            _settle(purchase, refund, "refund_refused", told)
    return refund


def _move_to(refund: Refund, status: Refund.Status) -> None:
    refund.status = status
    if status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED):
        refund.settled_at = timezone.now()
    refund.save()
    if status in (Status.SUCCEEDED, Status.PENDING):
        send_refund_mail.defer(refund_id=str(refund.pk))
    log.info("refund_moved", refund=str(refund.pk), status=status, failure=refund.failure_reason)


def _locked(reported: StripeRefund) -> Refund | None:
    """Our record of it: by Stripe's id, else by ours, where we died before we could record Stripe's."""
    found = Refund.objects.select_for_update(of=("self",)).filter(stripe_refund_id=reported.id).first()
    if found is None and (ours := as_uuid(reported.reference)):
        unanswered = Refund.objects.filter(pk=ours, stripe_refund_id=None, amount_minor=reported.amount)
        found = unanswered.select_for_update(of=("self",)).first()
    return found


def _made_at_stripe(reported: StripeRefund, purchase: Purchase | None) -> Refund:
    reason = reported.reason if reported.reason in Refund.Reason.values else Refund.Reason.OTHER
    return Refund(
        purchase=purchase,
        amount_minor=reported.amount,
        currency=reported.currency,
        reason=reason,
        policy=settings.REFUND_POLICY,
        origin=Refund.Origin.STRIPE,
        stripe_payment_intent_id=reported.payment_intent_id,
    )


def _found_at_stripe(refund: Refund) -> StripeRefund | None:
    made = stripe_gateway.list_refunds(refund.stripe_payment_intent_id)
    return next((found for found in made if found.reference == str(refund.pk)), None)


def _check_order(purchase: Purchase, order: RefundOrder) -> Money:
    """What is to go back."""
    if order.uncredited_payment:
        amount = _check_owed(purchase, order.uncredited_payment, order.amount_minor)
    else:
        _check_credited(purchase)
        _check_amount(purchase, order.amount_minor)
        amount = Money(order.amount_minor, purchase.currency)
    _check_limit(amount, order.asked_by)
    if not (order.note.strip() or order.reason) or len(order.note) > LONGEST_NOTE:
        raise InvalidRefund(
            f"Say why: a reason, or a note of at most {LONGEST_NOTE} characters.", field="note"
        )
    return amount


def _check_limit(amount: Money, asked_by: User) -> None:
    limit = Money(int(settings.REFUND_LIMIT.scaleb(decimal_places(amount.currency))), amount.currency)
    if amount.minor > limit.minor and not asked_by.has_perm("billing.refund_any_amount"):
        raise RefundAboveLimit(f"You may refund up to {limit} at once. Ask somebody who may refund more.")


def _check_owed(purchase: Purchase, payment_intent_id: str, amount_minor: int) -> Money:
    """Whole, or not at all: what is left of such a payment is owed to its buyer."""
    left = {owed.payment.stripe_payment_intent_id: owed.left for owed in owed_payments(purchase)}
    found = left.get(payment_intent_id)
    if found is None or found.minor != amount_minor:
        raise NotRefundable("This payment was given back or credited meanwhile.", purchase=str(purchase.pk))
    return found


def _check_credited(purchase: Purchase) -> None:
    if not purchase.is_credited or not purchase.stripe_payment_intent_id:
        raise NotRefundable(
            "This purchase was not paid: there is nothing to refund.", purchase=str(purchase.pk)
        )


def _check_amount(purchase: Purchase, amount_minor: int) -> None:
    if amount_minor <= 0:
        raise InvalidRefund("A refund is above zero.", field="amount")
    left = purchase.refundable
    if amount_minor > left.minor:
        raise NotRefundable(
            f"At most {left} of {purchase.paid} can still be refunded.",
            purchase=str(purchase.pk),
            left=str(left.major),
        )
