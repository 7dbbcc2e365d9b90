"""Export and erase what we keep of a user as Stripe's customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.privacy.registry import PersonalData, csv_file
from billing.customers.models import Consent, Customer, SavedMethod
from billing.deferring import defer_customer_deletion
from credits.privacy.credits_data import accounts_of


def customers_of(user: User) -> QuerySet[Customer]:
    """Return the user's own customer, and those of teams that only the user is in."""
    return Customer.objects.filter(account__in=accounts_of(user))


def _methods(user: User) -> QuerySet[SavedMethod]:
    return SavedMethod.objects.filter(customer__in=customers_of(user))


def _consents(user: User) -> QuerySet[Consent]:
    return Consent.objects.filter(Q(customer__in=customers_of(user)) | Q(given_by=user))


class CustomersData(PersonalData):
    files = (
        csv_file(
            "customers.csv",
            "what our payment provider was told about you",
            ("customers.Customer",),
            {"customer": "stripe_customer_id", "name": "name", "email": "email", "created": "created_at"},
            customers_of,
            ("created_at", "pk"),
        ),
        csv_file(
            "cards.csv",
            "payment methods that you saved",
            ("customers.SavedMethod",),
            {
                "method": "method",
                "brand": "brand",
                "last_digits": "last4",
                "expires_month": "exp_month",
                "expires_year": "exp_year",
                "fingerprint": "fingerprint",
                "saved": "attached_at",
                "removed": "detached_at",
            },
            _methods,
            ("attached_at", "pk"),
        ),
        csv_file(
            "consents.csv",
            "what you agreed to about later charges",
            ("customers.Consent",),
            {"what": "kind", "wording": "wording", "given": "given_at", "withdrawn": "withdrawn_at"},
            _consents,
            ("given_at", "pk"),
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (Customer.objects.filter(account__owner=user),)

    def lock(self, user: User) -> None:
        list(customers_of(user).order_by("pk").select_for_update(of=("self",)).values_list("pk"))

    def count(self, user: User) -> Mapping[str, int]:
        return {"saved cards": _methods(user).filter(detached_at=None).count()}

    def erase(self, user: User) -> None:
        now = timezone.now()
        _methods(user).filter(detached_at=None).update(detached_at=now)
        _methods(user).update(last4="", fingerprint="", exp_month=None, exp_year=None)
        # Those that the user gave for a team stay in force: they are the team's.
        own = Consent.objects.filter(customer__in=customers_of(user), withdrawn_at=None)
        own.update(withdrawn_at=now)
        for customer in customers_of(user).filter(delete_at_stripe=False):
            # One that Stripe hasn't answered about keeps its details until it is deleted there: they find it.
            details = {} if customer.stripe_customer_id is None else {"name": "", "email": ""}
            Customer.objects.filter(pk=customer.pk).update(
                default_method="", delete_at_stripe=True, **details
            )
            defer_customer_deletion(customer.pk)
