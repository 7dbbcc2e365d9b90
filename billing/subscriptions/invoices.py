"""Keep a subscription's invoices; turn each paid one into a purchase, which grants its credits once.

A purchase brings history, receipt, refund, dispute and clawback with it. Its lot is its own: what a later change,
cancelation or refund does never touches another.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.formats import date_format

from accounts.presence import wait_for_erasure
from accounts.time_zones import site_zone
from billing.checkout.fulfilment import fulfil_locked_purchase
from billing.customers.permissions import who_pays
from billing.deferring import defer_renewal_failed_mail
from billing.money import spread
from billing.provider import provider
from billing.provider.objects import ProviderInvoice
from billing.purchases.log import Change, Source, record
from billing.purchases.models import Purchase, ScheduledGrant
from billing.purchases.payment_reports import PaymentReport
from billing.purchases.payments import take_turn
from billing.subscriptions.allowances import Allowance, TermsAt, allowances_of
from billing.subscriptions.models import GrantedLine, Subscription, SubscriptionInvoice
from billing.tax import EXCLUSIVE, REVERSE_CHARGE, initial_tax_note, tax_within

log = structlog.get_logger(__name__)
PAID, OPEN = "paid", "open"
LONGEST_PLAN_NAME = 60


def keep_invoice(
    subscription_id: UUID, invoice: ProviderInvoice, terms_at: TermsAt, source: Source
) -> SubscriptionInvoice:
    """Keep what Stripe says of an invoice. If it is paid, grant its credits; if it can't be collected, mail, each once.

    Raises:
        NoTerms: it is paid at a price that no plan has.
        StripeUnavailable, StripeRefused: its payment couldn't be read.
    """
    known = SubscriptionInvoice.objects.filter(stripe_invoice_id=invoice.id).first()
    if known is not None and known.purchase_id:
        return known
    report = _payment_report(invoice) if invoice.status == PAID else None
    with transaction.atomic():
        take_turn(invoice.payment_intent_id)
        wait_for_erasure(Subscription.objects.values_list("created_by", flat=True).get(pk=subscription_id))
        row = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription_id)
        kept, _created = SubscriptionInvoice.objects.update_or_create(
            stripe_invoice_id=invoice.id,
            defaults={
                "status": invoice.status,
                "amount_minor": invoice.amount_due,
                "currency": invoice.currency,
                "hosted_url": invoice.hosted_url,
                "attempted": invoice.attempts > 0,
            },
            create_defaults={
                "subscription": row,
                "status": invoice.status,
                "amount_minor": invoice.amount_due,
                "currency": invoice.currency,
                "hosted_url": invoice.hosted_url,
                "attempted": invoice.attempts > 0,
                "issued_at": invoice.created,
            },
        )
        if report is not None and kept.purchase_id is None:
            allowances = allowances_of(row, invoice, terms_at, timezone.now())
            _grant(row, kept, invoice, allowances, report, source)
        elif row.status in Subscription.OWING and _is_declined(invoice) and kept.failure_mailed_at is None:
            defer_renewal_failed_mail(kept.pk)
    return kept


def _is_declined(invoice: ProviderInvoice) -> bool:
    """Return whether it was tried and not paid. While a bank decides, for days about a debit, its subscription runs."""
    return invoice.status == OPEN and invoice.attempts > 0


def _payment_report(invoice: ProviderInvoice) -> PaymentReport:
    """Report the invoice's payment. One settled by the customer's balance, or outside Stripe, costs nothing here. Where
    the balance paid a part, the rest has its share of the tax.
    """
    if invoice.payment_intent_id:
        report = PaymentReport.from_intent(
            provider().retrieve_payment(invoice.payment_intent_id), timezone.now()
        )
        return replace(report, tax_minor=tax_within(invoice.tax, invoice.total, report.amount_minor))
    return PaymentReport.of_nothing(invoice.currency)


def _grant(
    row: Subscription,
    kept: SubscriptionInvoice,
    invoice: ProviderInvoice,
    allowances: list[Allowance],
    report: PaymentReport,
    source: Source,
) -> None:
    """Write down a purchase of what the invoice grants, and fulfil it in the same transaction."""
    if not allowances:
        return
    purchase = _purchase_of(row, kept, invoice, allowances, report)
    record(purchase, Change("started", detail={"invoice": kept.stripe_invoice_id}), source)
    kept.purchase = purchase
    kept.save(update_fields=["purchase"])
    GrantedLine.objects.bulk_create(
        GrantedLine(
            invoice=kept,
            stripe_line_id=line.id,
            stripe_price_id=line.price_id,
            credits=sum(each.credits for each in months),
        )
        for line, months in groupby(allowances, key=lambda each: each.line)
    )
    if purchase.has_schedule:
        ScheduledGrant.objects.bulk_create(_schedule(purchase, allowances))
    fulfil_locked_purchase(purchase, report, source)
    log.info("subscription_invoice_granted", invoice=kept.stripe_invoice_id, purchase=str(purchase.pk))


def _purchase_of(
    row: Subscription,
    kept: SubscriptionInvoice,
    invoice: ProviderInvoice,
    allowances: list[Allowance],
    report: PaymentReport,
) -> Purchase:
    terms = allowances[-1].terms
    on_top = report.tax_minor if invoice.tax_behavior == EXCLUSIVE else 0
    note = REVERSE_CHARGE if invoice.tax_reason == REVERSE_CHARGE else initial_tax_note()
    return Purchase(
        user=who_pays(row.account, row.created_by),
        account=row.account,
        package_code=terms.plan_code,
        package_name=_name(allowances[-1]),
        credits=sum(each.credits for each in allowances),
        price_minor=report.amount_minor - on_top,
        list_price_minor=report.amount_minor - on_top,
        tax_minor=report.tax_minor,
        tax_behavior=invoice.tax_behavior if report.amount_minor else "",
        tax_note=note if report.amount_minor else "",
        currency=report.currency,
        discount_percentage=0,
        invoiced_by_stripe=True,
        stripe_invoice_id=kept.stripe_invoice_id,
        credits_expire_at=allowances[0].expires_at,
        grants_count=len(allowances),
    )


def _schedule(purchase: Purchase, allowances: list[Allowance]) -> list[ScheduledGrant]:
    """Spread the net price over the months by what their credits cost, exactly."""
    costs = spread(Decimal(purchase.net_minor), [each.value for each in allowances], Decimal(1))
    return [
        ScheduledGrant(
            purchase=purchase,
            position=position,
            credits=each.credits,
            cost_minor=int(cost),
            due_at=each.due_at,
            expires_at=each.expires_at,
        )
        for position, (each, cost) in enumerate(zip(allowances, costs, strict=True), start=1)
    ]


def _name(allowance: Allowance) -> str:
    """Name the plan and its period, as statements, receipts and emails show it: “Plus, 1 Dec 2026 – 1 Jan 2027”."""
    line = allowance.line
    with translation.override(settings.LANGUAGE_CODE):  # kept, whoever's request or job this is
        first, last = (
            date_format(timezone.localtime(moment, site_zone()), "DATE_FORMAT")
            for moment in (line.period_start, line.period_end)
        )
    return f"{allowance.terms.plan_name[:LONGEST_PLAN_NAME]}, {first} – {last}"
