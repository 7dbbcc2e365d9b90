"""Compare Stripe's payments: the only trace there of a saved card that was charged, since that opens no checkout.

Money that was taken is what counts here: unpaid ones are left to the checkout or purchase that they belong to, those of
plans to their invoices. Those that don't name a purchase in their metadata are another product's.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from billing.checkout.closing import Finding, apply_payment, is_being_started
from billing.checkout.fulfilment import would_change
from billing.provider import provider
from billing.provider.objects import PaymentIntent
from billing.purchases.matching import purchases_of_intents
from billing.purchases.models import Purchase
from billing.purchases.payment_reports import PaymentReport
from billing.reconciliation.models import SeenPurchase
from billing.reconciliation.page import SOURCE, Page
from core.database.replica.reading import read_from_replica
from core.uuids import as_uuid


def compare_payments(page: Page) -> None:
    """Compare a page of Stripe's payments, credit what was paid, and report what no purchase here explains."""
    listed = provider().payments_page(page.start, page.end, page.cursor)
    named = [intent for intent in listed.items if as_uuid(intent.reference)]
    purchases = read_from_replica(None, lambda: purchases_of_intents(named))
    for intent in named:
        purchase = purchases.get(intent.id)
        if purchase is not None and not purchase.stripe_invoice_id:
            _compare(intent, purchase, page)
    _note_unknown([intent for intent in named if intent.id not in purchases], page)
    page.payments += len(named)
    page.move_on(listed)


def _compare(intent: PaymentIntent, purchase: Purchase, page: Page) -> None:
    """Apply a payment that was made, unless the purchase shows it. A charge is then compared in full: the walk through
    our purchases needn't ask for it.
    """
    report = PaymentReport.from_intent(intent, timezone.now())
    is_under_way = not purchase.is_credited and is_being_started(purchase)
    if not report.is_paid or is_under_way:
        return
    accepted = purchase.accepted_payment
    is_second = accepted is not None and accepted.stripe_payment_intent_id != intent.id
    if would_change(purchase, report):
        page.beat()
        apply_payment(purchase.pk, intent, page, SOURCE)
    if purchase.charges_card and not is_second:
        page.seen.add(purchase.pk)


def _note_unknown(intents: Sequence[PaymentIntent], page: Page) -> None:
    """Report money that was taken, and not all returned, for a purchase that isn't here, unless its checkout was
    reported.
    """
    kept = {
        intent: reference
        for intent in intents
        if intent.status == "succeeded" and not (intent.charge and intent.charge.is_refunded)
        if (reference := as_uuid(intent.reference))
    }
    told = _told_of(set(kept.values()), page) if kept else set()
    for intent, reference in kept.items():
        if reference not in told:
            page.open.append(Finding("payment_unknown", _detail(intent), object_id=intent.id))


def _told_of(references: set[UUID], page: Page) -> set[UUID]:
    seen = SeenPurchase.objects.filter(run_id=page.run_id, purchase_id__in=references)
    return set(seen.values_list("purchase_id", flat=True))


def _detail(intent: PaymentIntent) -> str:
    paid = f"{intent.id}: paid {intent.amount_received} {intent.currency} (minor units)"
    if intent.charge and intent.charge.amount_refunded:
        paid += f", of which {intent.charge.amount_refunded} were refunded"
    return f"{paid}, but no purchase here has its reference {intent.reference[:100]}"
