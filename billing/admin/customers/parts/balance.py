"""Show the balance, and what was paid in total."""

from __future__ import annotations

from django.db.models import Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _

from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import Context, Part
from billing.admin.figure import Figure
from billing.money import Money
from billing.purchases.models import Purchase
from credits.admin.account_sheet import balance_figures
from credits.formatting import credits_amount
from credits.ledger.models import Account
from credits.ledger.selectors import NOTHING, standing_of_account


def _read(request: HttpRequest, customer: Customer) -> Context:
    account = customer.account
    credits = balance_figures(standing_of_account(account) if account else NOTHING)
    figures = [
        Figure(str(figure.name), credits_amount(figure.amount), str(figure.why), is_urgent=figure.is_urgent)
        for figure in credits
    ]
    return {"figures": [*figures, *_paid(customer)]}


def _paid(customer: Customer) -> list[Figure]:
    """Return what was paid and credited, less refunds, in each currency."""
    credited = customer.rows(Purchase).filter(status__in=Purchase.CREDITED, paid_minor__gt=0)
    sums = credited.order_by().values_list("currency").annotate(Sum("paid_minor"), Sum("refunded_minor"))
    return [
        Figure(_("Paid"), str(Money(paid - refunded, currency)), _("less refunds"))
        for currency, paid, refunded in sums.order_by("currency")
    ]


BALANCE = Part(Account, _read, "admin/customers/balance.html")
