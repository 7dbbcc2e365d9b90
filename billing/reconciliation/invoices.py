"""Compare the invoices of subscriptions: each that was paid must have its credits, and no other may.

Invoices of the period are listed; a purchase whose invoice wasn't among them has it looked up. Invoices of anything
else, and of subscriptions that name no row of ours, are another product's.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from billing.checkout.closing import Finding, disagreements
from billing.provider import provider
from billing.provider.errors import InvoiceNotFound
from billing.provider.objects import ListedInvoice
from billing.purchases.models import Purchase
from billing.reconciliation.page import Page
from billing.reconciliation.syncing import bring_up_to_date, not_granted, rows_of
from billing.subscriptions.invoices import PAID
from billing.subscriptions.models import Subscription, SubscriptionInvoice
from billing.subscriptions.selectors import plans_are_used
from core.database.replica.reading import read_from_replica
from core.uuids import as_uuid

# Not final: nothing was asked for yet.
DRAFT = "draft"


def compare_invoices(page: Page) -> None:
    """Compare a page of Stripe's invoices, and have the subscriptions synced whose invoices differ."""
    if not plans_are_used():
        page.cursor = ""
        return
    listed = provider().invoices_page(page.start, page.end, page.cursor)
    invoices = [one for one in listed.items if one.subscription.subscription_id and one.status != DRAFT]
    rows = read_from_replica(None, lambda: rows_of(one.subscription for one in invoices))
    kept = read_from_replica(None, lambda: _kept(one.id for one in invoices))
    synced: set[UUID] = set()
    for invoice in invoices:
        row = rows.get(invoice.subscription)
        if row is None:
            _note_unknown(invoice, page)
            continue
        page.invoices += 1
        if _is_behind(invoice, kept.get(invoice.id)) and row.pk not in synced:
            page.beat()
            bring_up_to_date(row, invoice.subscription.subscription_id, page)
            synced.add(row.pk)
        if row.pk in synced:
            kept |= _kept([invoice.id])
        _compare(invoice, row, kept.get(invoice.id), page)
    page.move_on(listed)


def compare_invoice_of(purchase: Purchase, page: Page) -> None:
    """Compare a credited purchase with its invoice."""
    try:
        invoice = provider().retrieve_listed_invoice(purchase.stripe_invoice_id)
    except InvoiceNotFound:
        detail = f"{purchase.stripe_invoice_id}: credited here, but Stripe has no such invoice"
        page.open.append(Finding("missing_at_stripe", detail, str(purchase.pk)))
    else:
        page.open.extend(disagreements(purchase, invoice.status, _paid(invoice)))


def _kept(ids: Iterable[str]) -> dict[str, SubscriptionInvoice]:
    rows = SubscriptionInvoice.objects.select_related("purchase")
    return rows.in_bulk(list(ids), field_name="stripe_invoice_id")


def _is_behind(invoice: ListedInvoice, kept: SubscriptionInvoice | None) -> bool:
    """Return whether a sync may change what we have. Once granted, an invoice stays as it was then."""
    return kept is None or (kept.purchase_id is None and kept.status != invoice.status)


def _compare(invoice: ListedInvoice, row: Subscription, kept: SubscriptionInvoice | None, page: Page) -> None:
    purchase = kept.purchase if kept else None
    if purchase is not None:
        page.seen.add(purchase.pk)
        page.open.extend(disagreements(purchase, invoice.status, _paid(invoice)))
    elif invoice.status == PAID and invoice.paid > 0:
        why = f"paid {invoice.paid} {invoice.currency} (minor units), and nothing was granted"
        page.open.append(not_granted(row, invoice.id, why))


def _paid(invoice: ListedInvoice) -> tuple[int, str] | None:
    return (invoice.paid, invoice.currency) if invoice.status == PAID else None


def _note_unknown(invoice: ListedInvoice, page: Page) -> None:
    """Report money that was taken for a subscription that is nowhere here, though it names a row of ours."""
    about = invoice.subscription
    if invoice.paid > 0 and as_uuid(about.reference):
        detail = (
            f"{about.subscription_id}: paid, but no subscription here has its reference {about.reference}"
        )
        page.open.append(Finding("subscription_unknown", detail, object_id=about.subscription_id))
