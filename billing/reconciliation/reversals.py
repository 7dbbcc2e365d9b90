"""Record refunds and disputes that are missing or outdated here, so that credits follow.

One that matches Stripe is still compared with the ledger, in case it froze no credits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from billing.checkout.closing import Finding, Report
from billing.provider.errors import StripeUnavailable
from billing.provider.objects import ProviderDispute, ProviderRefund
from billing.purchases.log import Source, lock_purchase
from billing.purchases.matching import known_payments
from billing.purchases.payments import take_turn
from billing.refunds.claims import Reversal, claim_id, claims_on, parts_of
from billing.refunds.disputes import apply_dispute, record_dispute
from billing.refunds.models import Dispute, Refund
from billing.refunds.refunding import close_refund, issue_refund, record_refund
from billing.refunds.reversals import amount_of, counted, standing_reversals
from core.database.replica.reading import read_from_replica
from core.errors import DomainError
from credits.ledger.models import Clawback

log = structlog.get_logger(__name__)
Reported = ProviderRefund | ProviderDispute


def compare_refunds(listed: Sequence[ProviderRefund], report: Report, source: Source) -> None:
    """Record the refunds on a page of Stripe's list that are missing or outdated here."""
    refunds = Refund.objects.select_related("payment__purchase")
    ids = [refund.id for refund in listed]
    known = read_from_replica(None, lambda: refunds.in_bulk(ids, field_name="stripe_refund_id"))
    _compare(listed, known, report, source)


def compare_disputes(listed: Sequence[ProviderDispute], report: Report, source: Source) -> None:
    """Record the disputes on a page of Stripe's list that are missing or outdated here."""
    disputes = Dispute.objects.select_related("payment__purchase")
    ids = [dispute.id for dispute in listed]
    known = read_from_replica(None, lambda: disputes.in_bulk(ids, field_name="stripe_dispute_id"))
    _compare(listed, known, report, source)


def issue_unanswered_refunds() -> int:
    """Ask Stripe about refunds unanswered for longer than SWEEP_AFTER, and return how many were closed."""
    settled = 0
    before = timezone.now() - settings.SWEEP_AFTER
    unanswered = Refund.objects.filter(status=Refund.Status.REQUESTED, created_at__lt=before)
    for refund_id in unanswered.order_by("created_at").values_list("pk", flat=True):
        try:
            settled += issue_refund(refund_id, look_first=True).status != Refund.Status.REQUESTED
        except StripeUnavailable:
            break  # not reachable: the next sweep continues
        except DomainError as error:
            log.exception("refund_not_issued", refund=str(refund_id), code=error.code)
    return settled


def _compare(
    listed: Sequence[Reported], known: Mapping[str, Reversal], report: Report, source: Source
) -> None:
    for listed_now in _ours(listed):
        reported = listed_now
        here = known.get(reported.id)
        if reported.amount <= 0:
            detail = f"{reported.id}: its amount is {reported.amount}"
            report.open.append(Finding("unreadable_at_stripe", detail, object_id=reported.id))
            continue
        if reported.status not in (Refund if isinstance(reported, ProviderRefund) else Dispute).Status.values:
            detail = f"{reported.id}: its status in Stripe is {reported.status or 'empty'!r}"
            report.open.append(Finding("unknown_status_at_stripe", detail, object_id=reported.id))
            reported = replace(reported, status=here.status if here else "")
        if here is None or here.status != reported.status or _tells_what_it_comes_to(reported, here):
            _record(reported, here, report, source)
        elif (here.amount_minor, here.currency) != (reported.amount, reported.currency):
            ours, theirs = f"{here.amount_minor} {here.currency}", f"{reported.amount} {reported.currency}"
            detail = f"{reported.id}: {ours} here, {theirs} in Stripe (minor units)"
            purchase = str(here.purchase.pk)
            report.open.append(Finding("return_amount_differs", detail, purchase, object_id=reported.id))
        elif not _is_claimed(here):
            _claim(here, report, source)


def _ours(listed: Sequence[Reported]) -> Iterable[Reported]:
    """Return those of our payments; another product may use the same Stripe account."""
    payments = known_payments([one.payment_intent_id for one in listed], [one.charge_id for one in listed])
    named = payments.values_list("stripe_payment_intent_id", "stripe_charge_id")
    ours = {name for names in read_from_replica(None, lambda: list(named)) for name in names}
    return [one for one in listed if (one.payment_intent_id or one.charge_id) in ours - {""}]


def _record(reported: Reported, here: Reversal | None, report: Report, source: Source) -> None:
    with transaction.atomic():
        take_turn(reported.payment_intent_id)
        recorded: Reversal | None
        if isinstance(reported, ProviderRefund):
            recorded = record_refund(reported, source)
        else:
            recorded = record_dispute(reported, source)
        if recorded is None:
            return
        purchase = str(recorded.purchase.pk)
        if here is None or recorded.status != here.status:
            before = here.status if here else "unknown here"
            detail = f"{reported.id}: {before} → {recorded.status}"
            report.note_repair(Finding("returned_not_here", detail, purchase, object_id=reported.id))
        elif recorded.counted_minor != here.counted_minor:
            detail = f"{reported.id}: amounts to {amount_of(recorded)}"
            report.note_repair(Finding("returned_not_settled", detail, purchase, object_id=reported.id))


def _tells_what_it_comes_to(reported: Reported, here: Reversal) -> bool:
    """Return whether Stripe's list has the converted amount, which no event gave."""
    return here.counted_minor is None and counted(reported, here.payment) is not None


def _is_claimed(here: Reversal) -> bool:
    """Return whether the ledger has the claim, which may be zero. Takes no lock."""
    payment = here.payment
    if not payment.is_accepted:
        return True
    refunds, disputes = standing_reversals(payment)
    mine = {claim_id(here.pk, position) for position in range(1, payment.purchase.grants_count + 1)}
    wanted = {
        claim.id: (claim.amount, claim.policy)
        for part, claims in claims_on(payment, parts_of(payment), [*refunds, *disputes])
        for claim in claims
        if part.lot_id is not None and claim.id in mine and claim.amount
    }
    rows = Clawback.objects.filter(pk__in=mine, amount__gt=0)
    return wanted == {row.pk: (row.amount, row.policy) for row in rows}


def _claim(here: Reversal, report: Report, source: Source) -> None:
    with transaction.atomic():
        here.payment.purchase = lock_purchase(here.payment.purchase_id)
        if isinstance(here, Refund):
            close_refund(here, f"refund_{here.status}", source)
        else:
            apply_dispute(here, source)
        detail = f"{here}: its credits had not been removed"
        name = here.stripe_refund_id if isinstance(here, Refund) else here.stripe_dispute_id
        report.note_repair(
            Finding("returned_not_settled", detail, str(here.purchase.pk), object_id=name or "")
        )
