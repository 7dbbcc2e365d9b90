"""Export the subscriptions of a user. Erasing deletes the customer at Stripe, which ends them there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.privacy.registry import PersonalData, csv_file
from billing.subscriptions.models import GrantedLine, Subscription, SubscriptionInvoice, Terms
from credits.privacy.credits_data import accounts_of


def _of(user: User, path: str = "") -> Q:
    return Q(**{f"{path}account__in": accounts_of(user)}) | Q(**{f"{path}created_by": user})


def _subscriptions(user: User) -> QuerySet[Subscription]:
    return Subscription.objects.filter(_of(user))


def _terms(user: User) -> QuerySet[Terms]:
    return Terms.objects.filter(_of(user, "subscription__"))


def _invoices(user: User) -> QuerySet[SubscriptionInvoice]:
    return SubscriptionInvoice.objects.filter(_of(user, "subscription__"))


def _lines(user: User) -> QuerySet[GrantedLine]:
    return GrantedLine.objects.filter(_of(user, "invoice__subscription__")).select_related("invoice")


class SubscriptionsData(PersonalData):
    files = (
        csv_file(
            "subscriptions.csv",
            "the plans you subscribed to",
            ("subscriptions.Subscription",),
            {
                "subscription": "pk",
                "status": "status",
                "period_start": "period_start",
                "period_end": "period_end",
                "since": "created_at",
                "ended": "ended_at",
            },
            _subscriptions,
        ),
        csv_file(
            "subscription-terms.csv",
            "what each plan grants you",
            ("subscriptions.Terms",),
            {"subscription": "subscription_id", "plan": "plan_name", "credits": "credits", "price": "price"},
            _terms,
        ),
        csv_file(
            "subscription-invoices.csv",
            "the invoices of your plans",
            ("subscriptions.SubscriptionInvoice",),
            {
                "invoice": "stripe_invoice_id",
                "subscription": "subscription_id",
                "status": "status",
                "amount": "amount",
                "issued": "issued_at",
            },
            _invoices,
        ),
        csv_file(
            "subscription-credits.csv",
            "the credits that each invoice granted",
            ("subscriptions.GrantedLine",),
            {"invoice": "invoice.stripe_invoice_id", "credits": "credits"},
            _lines,
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return [Subscription.objects.filter(created_by=user)]

    def erase(self, user: User) -> None:
        """End what has no subscription at Stripe yet; the rest ends with the customer there."""
        own = Subscription.objects.filter(account__in=accounts_of(user))
        own.filter(status=Subscription.Status.PENDING).update(status=Subscription.Status.EXPIRED)
        own.update(checkout_url="")
        SubscriptionInvoice.objects.filter(subscription__account__in=accounts_of(user)).update(hosted_url="")
