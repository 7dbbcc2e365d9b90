"""Find Stripe objects about one buyer, by the ids recorded with their purchases and the ids these lead to.

Our checkout writes the buyer's id into the metadata of each session and payment; Stripe copies it to the charge.
Objects without our metadata (customers, payment methods, refunds, disputes) name a payment or a customer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.email_addresses import email_key
from accounts.models import User
from billing.customers.models import Customer
from billing.customers.personal_data import customers_of
from billing.purchases.models import Payment, Purchase
from core.uuids import as_uuid

Json = Mapping[str, Any]

# Fields in which a Stripe object names others of the same buyer.
LEADS = ("id", "customer", "payment_intent", "payment_method", "charge", "latest_charge")
# A to Z alone, as in `accounts.normal_form`.
IN_LOWER_CASE = 'lower(object::text COLLATE "C")'


@dataclass(frozen=True)
class Traces:
    """Identifiers of a buyer's objects: our user id, Stripe's ids, and an email address (empty: unknown)."""

    user_id: UUID
    ids: frozenset[str]
    email: str = ""

    def condition(self) -> tuple[str, list[Any]]:
        """Return an SQL condition that the jsonb ``object`` is about the buyer, and its arguments."""
        leads, ids = leads_among(self.ids)
        said, address = _contains_address(email_key(self.email))
        return f"({leads} OR object::text LIKE %s OR {said})", [*ids, f"%{self.user_id}%", *address]


def leads_among(ids: Iterable[str]) -> tuple[str, list[Any]]:
    """Return an SQL condition that the jsonb ``object`` has or names one of these Stripe ids, and its arguments."""
    known = list(ids)
    return " OR ".join(f"object ->> '{lead}' = ANY (%s)" for lead in LEADS), [known] * len(LEADS)


def traces_of(user: User) -> Traces:
    """Return the ids recorded with the user's purchases, and the user's email address if any."""
    named = Purchase.objects.filter(user=user).values_list(
        "stripe_session_id",
        "stripe_customer_id",
        "payments__stripe_payment_intent_id",
        "payments__stripe_charge_id",
    )
    ids = {word for words in named for word in words if word}
    ids |= {customer.stripe_customer_id for customer in customers_of(user) if customer.stripe_customer_id}
    return Traces(user.pk, frozenset(ids - _of_teams(ids, user)), user.email)


def to_redact_at_stripe(user: User) -> list[str]:
    """Return the ids for staff to redact at Stripe: the user's customers, and payments without a customer."""
    payments = Payment.objects.filter(purchase__user=user)
    ids = set(payments.values_list("purchase__stripe_customer_id", "stripe_payment_intent_id"))
    teams = _of_teams({customer for customer, _payment in ids}, user)
    return sorted({payment if customer in teams else customer or payment for customer, payment in ids})


def leads_of(found: Json) -> set[str]:
    """Return an object's own id and the ids it names of the same buyer's objects."""
    named = (found.get(lead) for lead in LEADS)
    return {value for value in named if isinstance(value, str) and value}


def _of_teams(customer_ids: set[str], user: User) -> set[str]:
    """Return which of these are customers of teams with other members: what names them is about these, too."""
    shared = Customer.objects.filter(stripe_customer_id__in=customer_ids, account__team__isnull=False)
    kept = shared.exclude(pk__in=customers_of(user)).values_list("stripe_customer_id", flat=True)
    return {customer for customer in kept if customer}


def is_about_erased(payload: Json) -> bool:
    """Return whether an event is about an erased buyer, with one query, or none if it can't be about a buyer."""
    subject: Json = payload["data"]["object"]
    ids = {name: _text(subject.get(name)) for name in ("customer", "payment_intent")}
    ids[str(subject.get("object"))] = _text(subject.get("id"))
    metadata = subject.get("metadata")
    buyer = as_uuid(_text(metadata.get("user_id"))) if isinstance(metadata, Mapping) else None
    if buyer is not None:
        return User.objects.filter(pk=buyer, erased_at__isnull=False).exists()
    payment = Payment.objects.filter(stripe_payment_intent_id=ids["payment_intent"]).values("purchase")
    known = (
        (ids["customer"], Q(stripe_customer_id=ids["customer"], account__team=None)),
        (ids["payment_intent"], Q(pk__in=payment)),
        (ids.get("checkout.session"), Q(stripe_session_id=ids.get("checkout.session"))),
    )
    asked: list[QuerySet[Any, Any]] = [
        Purchase.objects.filter(of_it, user__erased_at__isnull=False).values("pk")
        for value, of_it in known
        if value
    ]
    if ids["customer"]:
        theirs = Customer.objects.filter(account__owner__erased_at__isnull=False)
        asked.append(theirs.filter(stripe_customer_id=ids["customer"]).values("pk"))
    # Not an OR, which can't use an index.
    return bool(asked) and asked[0].union(*asked[1:]).exists()


def _contains_address(key: str) -> tuple[str, list[Any]]:
    """Return an SQL condition that the jsonb ``object`` has this address (ann@… but not joann@…), and its arguments."""
    # Searching for both forms of an accent takes a twelfth of the time of normalizing every text to NFC.
    ways = {unicodedata.normalize(form, key) for form in ("NFC", "NFD")} - {""}
    patterns = {way: rf"(?<![\w@.+-]){re.escape(way)}(?!\.?[\w@+-])" for way in ways}
    said = " OR ".join(f"(strpos({IN_LOWER_CASE}, %s) > 0 AND {IN_LOWER_CASE} ~ %s)" for _way in ways)
    return said or "false", [argument for pair in patterns.items() for argument in pair]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
