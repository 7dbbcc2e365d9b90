"""Tell what happened to purchases, payments, refunds and disputes."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from backoffice.display import admin_page, in_words
from billing.admin.customers.customer import Customer
from billing.admin.customers.timeline.source import Line, Source
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.purchases.payment_methods import paid_with
from billing.refunds.models import Dispute, Refund


def _of_purchases(customer: Customer) -> QuerySet[PurchaseEvent]:
    return customer.rows(PurchaseEvent, "purchase__account").select_related("purchase")


def _purchase_event(event: PurchaseEvent) -> Line:
    text = f"{event.purchase}: {in_words(event.what)}"
    if event.from_status != event.to_status:
        text += f" ({in_words(event.to_status).lower()})"
    return Line(_("Purchase"), text, admin_page(event.purchase), event.actor_id)


def payments_of(customer: Customer) -> QuerySet[Payment]:
    return customer.rows(Payment, "purchase__account")


def _payment(payment: Payment) -> Line:
    words = [str(payment.amount), paid_with(payment), payment.get_state_display()]
    return Line(_("Payment"), " · ".join(filter(None, words)), admin_page(payment))


def refunds_of(customer: Customer) -> QuerySet[Refund]:
    return customer.rows(Refund, "payment__purchase__account")


def _refund(refund: Refund) -> Line:
    text = " · ".join(filter(None, [str(refund), refund.note]))
    return Line(_("Refund"), text, admin_page(refund), refund.asked_by)


def _disputes(customer: Customer) -> QuerySet[Dispute]:
    return customer.rows(Dispute, "payment__purchase__account")


def _dispute(dispute: Dispute) -> Line:
    text = " · ".join(filter(None, [str(dispute), in_words(dispute.reason)]))
    return Line(_("Dispute"), text, admin_page(dispute))


def purchases_of(customer: Customer) -> QuerySet[Purchase]:
    return customer.rows(Purchase)


MONEY = [
    Source("event", PurchaseEvent, "created_at", _of_purchases, _purchase_event),
    Source("payment", Payment, "created_at", payments_of, _payment),
    Source("refund", Refund, "created_at", refunds_of, _refund),
    Source("dispute", Dispute, "made_at", _disputes, _dispute),
]
