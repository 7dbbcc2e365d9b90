"""Tell which emails were sent to the customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from backoffice.display import admin_page
from billing.admin.customers.customer import Customer
from billing.admin.customers.timeline.of_credits import gifts_received, gifts_sent
from billing.admin.customers.timeline.of_money import purchases_of, refunds_of
from billing.admin.customers.timeline.of_plans import invoices_of
from billing.admin.customers.timeline.source import Line, Source
from billing.purchases.models import Purchase
from billing.recovery.models import Reminder
from billing.refunds.models import Refund
from billing.subscriptions.models import Subscription, SubscriptionInvoice
from credits.gifts.models import Gift
from credits.ledger.models import Account, Lot
from credits.notices.models import BalanceAlert, ExpiryWarning


def _alerts(customer: Customer) -> QuerySet[BalanceAlert]:
    return customer.rows(BalanceAlert)


def _warnings(customer: Customer) -> QuerySet[ExpiryWarning]:
    return customer.rows(ExpiryWarning)


def _reminders(customer: Customer) -> QuerySet[Reminder]:
    return customer.rows(Reminder, "purchase__account").select_related("purchase")


def _mail(
    code: str,
    model: type[Model],
    at: str,
    rows: Callable[[Customer], QuerySet[Any]],
    text: Any,
    *,
    url: Callable[[Any], str] = admin_page,
    viewed_as: type[Model] | None = None,
) -> Source:
    """Return a source of the emails that the column ``at`` marks as sent."""
    return Source(code, model, at, rows, lambda row: Line(_("Email"), text, url(row)), viewed_as)


def _nowhere(row: Model) -> str:
    return ""


MAILS = [
    _mail("confirmed", Purchase, "confirmation_sent_at", purchases_of, _("Purchase confirmation")),
    _mail("failed", Purchase, "failure_mailed_at", purchases_of, _("Payment failed")),
    _mail(
        "reminded",
        Reminder,
        "sent_at",
        _reminders,
        _("Checkout reminder"),
        url=lambda reminder: admin_page(reminder.purchase),
        viewed_as=Purchase,
    ),
    _mail("refunded", Refund, "mailed_at", refunds_of, _("Refund")),
    _mail(
        "not-collected",
        SubscriptionInvoice,
        "failure_mailed_at",
        invoices_of,
        _("Plan’s payment failed"),
        url=lambda invoice: admin_page(invoice.subscription),
        viewed_as=Subscription,
    ),
    _mail("gave", Gift, "sender_mailed_at", gifts_sent, _("Gift sent"), url=_nowhere, viewed_as=Account),
    _mail(
        "given",
        Gift,
        "recipient_mailed_at",
        gifts_received,
        _("Gift received"),
        url=_nowhere,
        viewed_as=Account,
    ),
    _mail(
        "expiring",
        ExpiryWarning,
        "mailed_at",
        _warnings,
        _("Credits about to expire"),
        url=lambda warning: admin_page(Lot(pk=warning.lot_id)),
        viewed_as=Account,
    ),
    _mail("low", BalanceAlert, "mailed_at", _alerts, _("Low balance"), url=_nowhere, viewed_as=Account),
]
