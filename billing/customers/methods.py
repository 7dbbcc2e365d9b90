"""Keep customers' saved payment methods as Stripe reports them, and change them there.

Reports come in any order: the newest wins, and a detached payment method stays detached, as it does at Stripe.
"""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from accounts.teams.models import Team
from billing.customers.at_stripe import forget_customer
from billing.customers.consents import ON_STRIPES_PAGE, keep_consent
from billing.customers.models import Consent, Customer, SavedMethod
from billing.customers.permissions import manages_billing
from billing.errors import NoPaymentMethod, UnknownPaymentMethod
from billing.provider import provider
from billing.provider.errors import CustomerNotFound
from billing.provider.objects import ProviderMethod
from core.database.locks import require_transaction
from credits.ledger.holders import account_of
from credits.ledger.models import Account

CLOCKS_DIFFER_BY = datetime.timedelta(seconds=3)


@dataclass(frozen=True)
class ShownMethod:
    """A saved payment method as its owner sees it; ``can_be_charged`` says whether a consent names it."""

    row: SavedMethod
    is_default: bool
    can_be_charged: bool


def saved_methods(account: Account) -> QuerySet[SavedMethod]:
    """Return the account's saved payment methods, newest first."""
    return SavedMethod.objects.filter(customer__account=account, detached_at=None)


def chargeable_methods(account: Account) -> QuerySet[SavedMethod]:
    """Return those saved payment methods that a consent names."""
    return saved_methods(account).filter(is_consented())


def is_consented() -> Exists:
    """Return the condition on a payment method that a consent names it."""
    named = Consent.objects.filter(stripe_payment_method_id=OuterRef("stripe_payment_method_id"))
    return Exists(named.filter(withdrawn_at=None))


def shown_methods(account: Account) -> list[ShownMethod]:
    """Return the saved payment methods, the default first: Stripe's, else the newest that can be charged."""
    chargeable = set(chargeable_methods(account).values_list("pk", flat=True))
    rows = list(saved_methods(account).select_related("customer"))
    default = default_of(rows, chargeable)
    shown = [ShownMethod(row, row is default, row.pk in chargeable) for row in rows]
    return sorted(shown, key=lambda each: not each.is_default)


def default_of(rows: list[SavedMethod], chargeable: set[uuid.UUID]) -> SavedMethod | None:
    """Return the one to charge by default. An expired card isn't: its bank would decline it."""
    able = [row for row in rows if row.pk in chargeable and not row.has_expired]
    chosen = (row for row in able if row.stripe_payment_method_id == row.customer.default_method)
    return next(chosen, able[0] if able else None)


def default_method(account: Account) -> SavedMethod | None:
    """Return the payment method to charge by default; None if no one has consented to any that is valid."""
    return next((shown.row for shown in shown_methods(account) if shown.is_default), None)


def method_left(account: Account) -> SavedMethod | None:
    """Return the default, else one that has expired: its bank may have renewed it, and says so when charged."""
    return default_method(account) or chargeable_methods(account).first()


def find_method(account: Account, method_id: uuid.UUID) -> SavedMethod:
    """Return one of the account's saved payment methods. Raises `UnknownPaymentMethod`."""
    found = saved_methods(account).select_related("customer").filter(pk=method_id).first()
    if found is None:
        raise UnknownPaymentMethod("No saved payment method has this id.")
    return found


def card_for_purchases(user: User, team: Team | None) -> SavedMethod | None:
    """Return the card that a purchase with one click would charge: the default, if the user may use it."""
    account = account_of(user, team).first()
    if account is None or not manages_billing(user, account):
        return None
    return default_method(account)


def card_to_charge(user: User, account: Account, method_id: uuid.UUID | None) -> SavedMethod:
    """Return a saved payment method for this user to charge: the one with this id, or the default.

    Raises:
        UnknownPaymentMethod: the account has none with this id, or the user may not use it.
        NoPaymentMethod: none was named, and there is none to charge by default.
    """
    if not manages_billing(user, account):
        raise UnknownPaymentMethod("No saved payment method has this id.")
    if method_id is not None:
        return find_method(account, method_id)
    default = default_method(account)
    if default is None:
        raise NoPaymentMethod("There is no saved card to charge. Buy with a checkout, and save one there.")
    return default


def usable_methods(account: Account) -> list[ShownMethod]:
    """Return the saved payment methods that can be charged now, the default first."""
    return [each for each in shown_methods(account) if each.can_be_charged and not each.row.has_expired]


def remove_method(account: Account, method_id: uuid.UUID) -> None:
    """Remove a saved payment method at Stripe, then here, and withdraw its consent.

    Raises:
        UnknownPaymentMethod: the account has no such payment method.
        StripeUnavailable, StripeRefused: it is still saved.
    """
    method = find_method(account, method_id)
    provider().detach_method(method.stripe_payment_method_id)
    with transaction.atomic():
        detach(method.stripe_payment_method_id, timezone.now())


def make_default(account: Account, method_id: uuid.UUID) -> None:
    """Make a saved payment method the default, at Stripe and here. Raises as `remove_method`."""
    method = find_method(account, method_id)
    customer_id = str(method.customer.stripe_customer_id)
    try:
        reported = provider().set_default_method(customer_id, method.stripe_payment_method_id)
    except CustomerNotFound as error:
        forget_customer(customer_id)
        raise UnknownPaymentMethod("No saved payment method has this id.") from error
    # Stripe's events name whole seconds, by its own clock: one about a later change mustn't look older than ours.
    note_default(customer_id, reported.default_method, timezone.now() - CLOCKS_DIFFER_BY)


def note_default(stripe_customer_id: str, default_method: str, at: datetime.datetime) -> bool:
    """Record the default as of ``at``, unless a later report is known; return whether the customer is one of ours."""
    ours = Customer.objects.filter(stripe_customer_id=stripe_customer_id)
    newer = ours.filter(Q(default_reported_at=None) | Q(default_reported_at__lte=at))
    return bool(newer.update(default_method=default_method, default_reported_at=at)) or ours.exists()


def refresh_methods(account: Account) -> None:
    """Fetch the saved payment methods from Stripe, for a customer who just added one and waits. Those that Stripe no
    longer has are removed here too.

    Raises:
        StripeUnavailable, StripeRefused: no answer; the webhook will report them.
    """
    customer = Customer.objects.filter(account=account).exclude(stripe_customer_id=None).first()
    if customer is None:
        return
    now = timezone.now()
    try:
        found = list(provider().list_methods(str(customer.stripe_customer_id)))
    except CustomerNotFound:
        forget_customer(str(customer.stripe_customer_id))
        return
    with transaction.atomic():
        for method in found:
            keep_method(method, now)
        there = [method.id for method in found]
        gone = customer.methods.filter(detached_at=None, reported_at__lt=now)
        for method_id in gone.exclude(stripe_payment_method_id__in=there).values_list(
            "stripe_payment_method_id", flat=True
        ):
            detach(method_id, now)


def keep_method(method: ProviderMethod, at: datetime.datetime) -> bool:
    """Record a payment method as of ``at``, with the consent given on Stripe's page; return whether its customer is
    one of ours. Runs in the caller's transaction.
    """
    require_transaction()
    customer = Customer.objects.select_for_update().filter(stripe_customer_id=method.customer_id).first()
    if customer is None or customer.delete_at_stripe:
        return customer is not None
    facts = _facts(method)
    row, is_new = SavedMethod.objects.get_or_create(
        stripe_payment_method_id=method.id,
        defaults={**facts, "customer": customer, "attached_at": at, "reported_at": at},
    )
    if not is_new:
        newer = SavedMethod.objects.filter(Q(reported_at__lte=at), pk=row.pk)
        newer.update(**facts, reported_at=at)
    if method.is_for_reuse:
        keep_consent(customer, method.id, ON_STRIPES_PAGE)
    return True


def detach(stripe_payment_method_id: str, at: datetime.datetime) -> bool:
    """Record that a payment method was removed, which ends its consent; return whether it was one of ours."""
    rows = SavedMethod.objects.filter(stripe_payment_method_id=stripe_payment_method_id)
    rows.filter(detached_at=None).update(detached_at=at)
    consents = Consent.objects.filter(stripe_payment_method_id=stripe_payment_method_id, withdrawn_at=None)
    consents.update(withdrawn_at=at)
    return rows.exists()


def _facts(method: ProviderMethod) -> dict[str, object]:
    how = method.method
    return {
        "method": how.type,
        "brand": how.brand,
        "last4": how.last4,
        "fingerprint": how.fingerprint,
        "wallet": how.wallet,
        "exp_month": method.exp_month,
        "exp_year": method.exp_year,
    }
