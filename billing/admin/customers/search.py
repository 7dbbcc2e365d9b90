"""Find customers from one box: by an id, which never scans a table, else by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.search import users_named, users_whose_name_starts
from accounts.teams.models import Team
from billing.admin.customers.customer import Customer, customers_with
from billing.admin.djstripe_pages import charges_of_payment_method
from billing.customers.models import Customer as AtStripe
from billing.customers.models import SavedMethod
from billing.purchases.models import Payment, Purchase
from billing.receipts.models import Receipt
from billing.refunds.models import Dispute, Refund
from billing.subscriptions.models import GrantedLine, Subscription, SubscriptionInvoice
from core.uuids import as_uuid

SHOWN = 50
# No id or name is longer.
LONGEST = 255


@dataclass(frozen=True)
class Found:
    """``more``: there are others, so a longer text would help."""

    customers: list[Customer]
    more: bool = False


def _accounts(rows: QuerySet[Any], path: str) -> Iterable[UUID]:
    return rows.order_by().values_list(path, flat=True)[: SHOWN + 1]


def _of_payments(**named: Any) -> Iterable[UUID]:
    return _accounts(Payment.objects.filter(**named), "purchase__account")


def _of_purchases(**named: Any) -> Iterable[UUID]:
    return _accounts(Purchase.objects.filter(**named), "account")


def _of_refunds(**named: Any) -> Iterable[UUID]:
    return _accounts(Refund.objects.filter(**named), "payment__purchase__account")


def _of_disputes(**named: Any) -> Iterable[UUID]:
    return _accounts(Dispute.objects.filter(**named), "payment__purchase__account")


def _of_subscriptions(**named: Any) -> Iterable[UUID]:
    return _accounts(Subscription.objects.filter(**named), "account")


# Each column is indexed.
BY_STRIPE_ID: Mapping[str, Callable[[str], Iterable[UUID]]] = {
    "pi_": lambda word: _of_payments(stripe_payment_intent_id=word),
    "ch_": lambda word: _of_payments(stripe_charge_id=word),
    "py_": lambda word: _of_payments(stripe_charge_id=word),
    "cs_": lambda word: [
        *_of_purchases(stripe_session_id=word),
        *_of_subscriptions(stripe_session_id=word),
    ],
    "cus_": lambda word: [
        *_accounts(AtStripe.objects.filter(stripe_customer_id=word), "account"),
        *_of_purchases(stripe_customer_id=word),
    ],
    "re_": lambda word: _of_refunds(stripe_refund_id=word),
    "pyr_": lambda word: _of_refunds(stripe_refund_id=word),
    "dp_": lambda word: _of_disputes(stripe_dispute_id=word),
    "du_": lambda word: _of_disputes(stripe_dispute_id=word),
    "sub_": lambda word: _of_subscriptions(stripe_subscription_id=word),
    "in_": lambda word: _accounts(
        SubscriptionInvoice.objects.filter(stripe_invoice_id=word), "subscription__account"
    ),
    "il_": lambda word: _accounts(
        GrantedLine.objects.filter(stripe_line_id=word), "invoice__subscription__account"
    ),
    "pm_": lambda word: [
        *_accounts(SavedMethod.objects.filter(stripe_payment_method_id=word), "customer__account"),
        *_of_payments(stripe_charge_id__in=charges_of_payment_method(word, SHOWN)),
    ],
}


def find_customers(text: str) -> Found:
    """Return the customers that the text names: those with this id, else those with a name that starts so."""
    word = " ".join(text.split())
    if not word or len(word) > LONGEST:
        return Found([])
    found = customers_with(_with_id(word)) or customers_with(_with_name(word))
    return Found(found[:SHOWN], more=len(found) > SHOWN)


def _with_id(word: str) -> list[UUID]:
    """Return whom an id names: ours, a receipt's number, or Stripe's."""
    if key := as_uuid(word):
        ours = (_of_purchases, _of_payments, _of_refunds, _of_disputes, _of_subscriptions)
        return [key, *(account for accounts in ours for account in accounts(pk=key))]
    receipts = Receipt.objects.filter(number__in={word, word.upper()})
    of_stripe = (find for prefix, find in BY_STRIPE_ID.items() if word.startswith(prefix))
    return [
        *_accounts(receipts, "purchase__account"),
        *(account for find in of_stripe for account in find(word)),
    ]


def _with_name(word: str) -> list[UUID]:
    """Return users and teams: those with exactly this name, address or OpenID subject first."""
    teams = Team.objects.filter(name__starts_in_normal_form=word).order_by().values_list("pk", flat=True)
    return [*users_named(word), *users_whose_name_starts(word, SHOWN + 1), *teams[: SHOWN + 1]]
