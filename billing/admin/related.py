"""Link to billing's pages from those of the apps below it, which must not import billing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.audit.wording import FORMATS, LABELS
from accounts.models import User
from accounts.teams.admin import TeamAdmin
from accounts.teams.models import Team
from backoffice.display import EMPTY, link_to, link_to_list
from billing.admin.customer_links import link_to_customer
from billing.admin.people import PersonAdmin
from billing.money import Money
from billing.purchases.models import Purchase
from credits.admin import AccountAdmin, EntryAdmin, LotAdmin
from credits.ledger.models import Account, Entry, Lot


def customer_of(holder: User | Team | Account) -> str:
    return link_to_customer(holder.pk)


def purchases_of_user(user: User) -> str:
    return link_to_list(Purchase, _("Purchases"), user__id__exact=user.pk)


def purchases_of_account(account: Account) -> str:
    return link_to_list(Purchase, _("Purchases"), account__id__exact=account.pk)


def purchase_of(row: Entry | Lot) -> str:
    """Link to the purchase of these credits, by the ledger's reference and without a query."""
    try:
        purchase = Purchase(pk=UUID(row.reference))
    except ValueError:
        return EMPTY
    return link_to(purchase, _("Purchase"))


def in_money(minor: int, currency: str) -> str:
    return str(Money(minor, currency))


def minor_in_money(field: Any, column: str, value: Any, beside: dict[str, Any]) -> str | None:
    """Format money for the audit, in the currency of the same row."""
    currency = beside.get("stripe_currency" if column.startswith("stripe_") else "currency")
    return str(Money(int(value), currency)) if column.endswith("_minor") and currency else None


FORMATS.append(minor_in_money)
LABELS.update(
    {
        "price_minor": _("Price"),
        "list_price_minor": _("List price"),
        "amount_minor": _("Amount"),
        "paid_minor": _("Paid"),
        "refunded_minor": _("Refunded"),
        "stripe_price_minor": _("Stripe amount"),
    }
)
PersonAdmin.related_pages[:0] = [customer_of]
PersonAdmin.related_pages.append(purchases_of_user)
TeamAdmin.related_pages[:0] = [customer_of]
AccountAdmin.related_pages[:0] = [customer_of]
AccountAdmin.related_pages.append(purchases_of_account)
EntryAdmin.related_pages.append(purchase_of)
LotAdmin.related_pages.append(purchase_of)
LotAdmin.in_money = staticmethod(in_money)
