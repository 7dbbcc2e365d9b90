"""Preview, request and record refunds.

The row and its clawback are committed first, so that the credits can't be spent; then Stripe is called, with the row's
id as idempotency key; then the answer is recorded. After a crash, a job repeats the call and gets the same answer.
A refund that fails, even days later, restores the credits. Refunds made at Stripe are recorded in the same way.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from billing.deferring import defer_refund, defer_refund_mail
from billing.errors import CreditsWereSpent, IdempotencyKeyReused, InvalidRefund, NotRefundable
from billing.money import Money
from billing.provider import provider
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.provider.interface import RefundRequest
from billing.provider.objects import ProviderRefund
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.matching import payment_of
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.claims import ZERO, Part, bearable, claim_of, claimed_between
from billing.refunds.limits import check_limit
from billing.refunds.models import Refund
from billing.refunds.owed_payments import owed_payments, update_attention_of
from billing.refunds.own_purchases import require_not_own
from billing.refunds.refundable import (
    accepted_payment,
    check_amount,
    disputed_minor,
    left_to_refund,
    unspent_share,
)
from billing.refunds.remainders import Effect, remainders_of
from billing.refunds.returned_tax import tax_between
from billing.refunds.reversals import Cause, apply_reversals, counted
from core.uuids import as_uuid
from credits.formatting import credits_amount
from credits.ledger.models import Entry
from credits.statement.outflows import Outflows, outflows_of

log = structlog.get_logger(__name__)
Status = Refund.Status

# Statuses only move forward in this order; earlier ones are outdated reports.
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
    """A requested refund. A repeat with the same ``idempotency_key`` returns the first refund.

    ``payment_id`` is an uncredited payment, refunded in full; without it, the accepted payment is refunded.
    """

    amount_minor: int
    reason: Refund.Reason
    policy: Refund.Policy
    note: str
    origin: Refund.Origin
    asked_by: User
    idempotency_key: str | None = None
    payment_id: UUID | None = None


@dataclass(frozen=True)
class LotEffect:
    """What a refund asks of one of a purchase's lots, and what comes of that."""

    part: Part
    asked: Decimal
    effect: Effect

    @property
    def lost(self) -> Decimal:
        return self.asked - self.effect.taken - self.effect.pending - self.effect.spent


@dataclass(frozen=True)
class Preview:
    """The effects of a refund. ``credits_left`` of the credits bought, and ``bonus_left`` of the bonus, are unspent.

    Of ``credits_asked``, some are ``taken`` now, some ``pending`` until holds end; the policy decides about the rest:
    ``spent`` were spent or gifted, ``lost`` expired, were forfeited or were removed by staff. ``lots`` say the same of
    each lot. ``tax`` is in ``amount``.
    """

    purchase: Purchase
    amount: Money
    tax: Money
    refundable: Money
    credits_left: Decimal
    bonus_left: Decimal
    credits_asked: Decimal
    credits_taken: Decimal
    credits_pending: Decimal
    credits_spent: Decimal
    lots: list[LotEffect]

    @property
    def credits_lost(self) -> Decimal:
        return self.credits_asked - self.credits_taken - self.credits_pending - self.credits_spent


def preview_refund(purchase: Purchase, amount_minor: int | None = None) -> Preview:
    """Preview a refund of this amount, or by default of the unspent credits' share.

    Raises:
        NotRefundable: the purchase isn't paid, or the amount is more than what is left.
        InvalidRefund: the amount isn't above zero, or is finer than Stripe refunds.
    """
    payment = accepted_payment(purchase)
    remainders = remainders_of(payment)
    left = sum((each.left for each in remainders if not each.part.is_bonus), ZERO)
    if amount_minor is None:
        amount_minor = unspent_share(purchase, left)
    else:
        check_amount(purchase, amount_minor)
    gone = purchase.refunded_minor + disputed_minor(payment)
    asked = claimed_between(purchase, [each.part for each in remainders], gone, gone + amount_minor)
    effects = [each.effect(amount) for each, amount in zip(remainders, asked, strict=True)]
    return Preview(
        purchase=purchase,
        amount=Money(amount_minor, purchase.currency),
        tax=Money(tax_between(payment, gone, gone + amount_minor), purchase.currency),
        refundable=left_to_refund(purchase),
        credits_left=left,
        bonus_left=sum((each.left for each in remainders if each.part.is_bonus), ZERO),
        credits_asked=sum(asked, ZERO),
        credits_taken=sum((each.taken for each in effects), ZERO),
        credits_pending=sum((each.pending for each in effects), ZERO),
        credits_spent=sum((each.spent for each in effects), ZERO),
        lots=[
            LotEffect(each.part, amount, effect)
            for each, amount, effect in zip(remainders, asked, effects, strict=True)
        ],
    )


def refund_purchase(purchase_id: UUID, order: RefundOrder) -> Refund:
    """Refund a purchase: claw back credits, then call Stripe. Unanswered, it stays ``requested`` and a job retries.

    Raises:
        NotRefundable, InvalidRefund: see `preview_refund`; InvalidRefund also without a reason or note, NotRefundable
            also if the uncredited payment was refunded, in part or in full, or accepted since.
        CreditsWereSpent: the policy is ``block``, and fewer credits are left than would be taken.
        OwnPurchase: it belongs to the requester or a team of theirs.
        RefundAboveLimit: more than the requester may refund within 24 hours.
        IdempotencyKeyReused: the key came before with another amount or policy.
    """
    refund, is_new = _request(purchase_id, order)
    if is_new:
        with suppress(StripeUnavailable):  # logged where raised; the job retries
            return issue_refund(refund.pk)
    return refund


def issue_refund(refund_id: UUID, *, look_first: bool = False) -> Refund:
    """Request a recorded refund from Stripe and record the answer.

    Safe to repeat: the row's id is the idempotency key, and ``look_first`` finds refunds older than Stripe keeps keys.

    Raises:
        StripeUnavailable: no answer; the refund stays ``requested``.
    """
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.status != Status.REQUESTED:
        return refund
    source = Source(PurchaseEvent.Source.STAFF, actor_id=refund.asked_by)
    try:
        answer = _found_at_stripe(refund) if look_first else None
        answer = answer or provider().create_refund(
            RefundRequest(
                str(refund.pk), refund.payment.stripe_payment_intent_id, refund.amount_minor, refund.reason
            )
        )
    except StripeRefused as error:
        refund = _refuse(refund.pk, str(error.params.get("stripe_code") or error.code), source)
        refund.refusal = error.for_staff
        return refund
    with transaction.atomic():
        return record_refund(answer, source) or refund


def sync_refunds(payment_id: UUID) -> int:
    """Record every refund that Stripe has of a payment, when some are known to be missing, and return how many.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    source = Source(PurchaseEvent.Source.JOB)
    found = list(provider().list_refunds(Payment.objects.get(pk=payment_id).stripe_payment_intent_id))
    for refund in found:
        with transaction.atomic():
            record_refund(refund, source)
    return len(found)


def record_refund(reported: ProviderRefund, source: Source) -> Refund | None:
    """Update or create our record of a refund, and the credits, unless the report is outdated.

    Return None if the payment is unknown or the amount isn't positive. Runs in the caller's transaction.
    """
    payment = payment_of(reported.payment_intent_id, reported.charge_id)
    if payment is None or reported.amount <= 0:
        return None
    known = _locked(reported)
    refund = known or _made_at_stripe(reported, payment)
    refund.payment = payment
    status = _status(reported, known)
    is_news = refund.stripe_refund_id is None or ORDER.index(status) > ORDER.index(Status(refund.status))
    amount = counted(reported, payment)
    if amount is not None and refund.counted_minor is None:
        refund.counted_minor, refund.counted_by = amount.minor, amount.by
        is_news = True
    if is_news:
        refund.stripe_refund_id = reported.id
        refund.failure_reason = reported.failure_reason
        refund.made_at = reported.created
        _move_to(refund, status)
        close_refund(refund, f"refund_{status}", source)
    return refund


def close_refund(refund: Refund, what: str, source: Source) -> None:
    """Claw back or restore the credits and record it with the purchase."""
    metadata = {"refund": str(refund.pk), "status": refund.status}
    apply_reversals(refund.payment, Cause(Entry.Kind.REFUND, metadata))
    detail = _detail(refund)
    record(refund.purchase, Change(what, detail=detail), source)
    if refund.status == Status.SUCCEEDED:
        facts = {**detail, "stripe_refund": refund.stripe_refund_id, "purchase": str(refund.purchase.pk)}
        transaction.on_commit(lambda: log.info("refund_applied", **facts))
    update_attention_of(refund.payment, source, is_unresolved=refund.counted_minor is None)


def _request(purchase_id: UUID, order: RefundOrder) -> tuple[Refund, bool]:
    """Record the refund and claw back the credits; return it and whether it is new."""
    source = Source(PurchaseEvent.Source.STAFF, actor_id=order.asked_by.pk)
    with transaction.atomic(durable=True):
        purchase = lock_purchase(purchase_id)
        if order.idempotency_key:
            made = Refund.objects.filter(
                payment__purchase=purchase, idempotency_key=order.idempotency_key
            ).first()
            if made is not None:
                if (made.amount_minor, made.policy) != (order.amount_minor, order.policy):
                    raise IdempotencyKeyReused("This key was already used for another refund.")
                return made, False
        payment, amount = _check_order(purchase, order)
        refund = Refund.objects.create(
            payment=payment,
            amount_minor=amount.minor,
            counted_minor=amount.minor,
            currency=amount.currency,
            reason=order.reason,
            note=order.note.strip(),
            policy=order.policy,
            origin=order.origin,
            asked_by=order.asked_by.pk,
            idempotency_key=order.idempotency_key,
        )
        went = outflows_of(purchase.lots) if payment.is_accepted else None
        close_refund(refund, "refund_requested", source)
        if order.policy == Refund.Policy.BLOCK and went is not None:
            _require_all_taken(refund, went)
        defer_refund(refund.pk)
    return refund, True


def _require_all_taken(refund: Refund, went: Outflows) -> None:
    """Raise CreditsWereSpent if some of the credits to claw back are gone or held."""
    claim = claim_of(refund)
    missing = claim.amount - claim.taken
    if missing:
        gone = ", ".join(f"{credits_amount(amount)} {what}" for what, amount in went.gone.items() if amount)
        raise CreditsWereSpent(
            f"{credits_amount(missing)} of the credits to remove are no longer available. Of this purchase: {gone}.",
            missing=str(missing),
        )


def _detail(refund: Refund) -> dict[str, str]:
    claim = claim_of(refund)
    moved = {
        "credits": -claim.taken,
        "pending": claim.pending,
        "owed": claim.owed,
        "waived": claim.waived,
    }
    detail = {"refund": str(refund.pk), "amount": str(refund.amount)}
    return detail | {name: str(amount) for name, amount in moved.items() if amount}


def _refuse(refund_id: UUID, reason: str, source: Source) -> Refund:
    """Record that Stripe refused the refund, and restore the credits."""
    with transaction.atomic():
        purchase_id = Refund.objects.values_list("payment__purchase_id", flat=True).get(pk=refund_id)
        purchase = lock_purchase(purchase_id)
        rows = Refund.objects.select_related("payment").select_for_update(of=("self",))
        refund = rows.get(pk=refund_id)
        refund.payment.purchase = purchase
        if refund.status == Status.REQUESTED:
            refund.failure_reason = reason[:100]
            _move_to(refund, Status.FAILED)
            close_refund(refund, "refund_refused", source)
    return refund


def _move_to(refund: Refund, status: Refund.Status) -> None:
    refund.status = status
    if status in (Status.SUCCEEDED, Status.FAILED, Status.CANCELED):
        refund.settled_at = timezone.now()
    refund.save()
    if status in (Status.SUCCEEDED, Status.PENDING):
        defer_refund_mail(refund.pk)
    log.info("refund_moved", refund=str(refund.pk), status=status, failure=refund.failure_reason)


def _locked(reported: ProviderRefund) -> Refund | None:
    """Lock and return our record, by Stripe's id, else by ours, if a crash kept us from recording Stripe's."""
    found = Refund.objects.select_for_update(of=("self",)).filter(stripe_refund_id=reported.id).first()
    if found is None and (ours := as_uuid(reported.reference)):
        unanswered = Refund.objects.filter(pk=ours, stripe_refund_id=None, amount_minor=reported.amount)
        found = unanswered.select_for_update(of=("self",)).first()
    return found


def _made_at_stripe(reported: ProviderRefund, payment: Payment) -> Refund:
    reason = reported.reason if reported.reason in Refund.Reason.values else Refund.Reason.OTHER
    return Refund(
        payment=payment,
        amount_minor=reported.amount,
        currency=reported.currency,
        reason=reason,
        policy=bearable(settings.REFUND_POLICY, payment.purchase),
        origin=Refund.Origin.STRIPE,
    )


def _status(reported: ProviderRefund, known: Refund | None) -> Status:
    """Return Stripe's status; if we don't know it, the last known one."""
    if reported.status in Status.values:
        return Status(reported.status)
    log.error("unknown_refund_status", refund=reported.id, status=reported.status)
    return Status(known.status) if known else Status.PENDING


def _found_at_stripe(refund: Refund) -> ProviderRefund | None:
    made = provider().list_refunds(refund.payment.stripe_payment_intent_id)
    return next((found for found in made if found.reference == str(refund.pk)), None)


def _check_order(purchase: Purchase, order: RefundOrder) -> tuple[Payment, Money]:
    """Check the order and return the payment and the amount to refund."""
    if order.payment_id:
        payment, amount = _check_owed(purchase, order.payment_id, order.amount_minor)
    else:
        payment = accepted_payment(purchase)
        check_amount(purchase, order.amount_minor)
        amount = Money(order.amount_minor, purchase.currency)
    payment.purchase = purchase
    if order.policy == Refund.Policy.DEBT and not purchase.account.has_holder:
        raise InvalidRefund(
            "A gift’s buyer can’t owe what its recipient has spent. Write it off, or block the refund.",
            field="policy",
        )
    require_not_own(purchase, order.asked_by)
    check_limit(amount, order.asked_by)
    if not (order.note.strip() or order.reason) or len(order.note) > LONGEST_NOTE:
        raise InvalidRefund(f"Enter a reason, or a note of at most {LONGEST_NOTE} characters.", field="note")
    return payment, amount


def _check_owed(purchase: Purchase, payment_id: UUID, amount_minor: int) -> tuple[Payment, Money]:
    """Require that an uncredited payment is refunded in full: the buyer is owed what is left of it."""
    found = next((owed for owed in owed_payments(purchase) if owed.payment.pk == payment_id), None)
    if found is None or found.left.minor != amount_minor:
        raise NotRefundable("This payment has since been refunded or accepted.", purchase=str(purchase.pk))
    return found.payment, found.left
