"""Keep one customer at Stripe for each account that buys: made on first use, kept up to date, deleted on erasure.

The row is committed before Stripe is called, and its id and generation are the idempotency key: two callers at once,
or a retry after a lost answer, get the same customer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Concat, Left, NullIf, Trim
from django.utils import timezone

from accounts.teams.models import Membership, Role
from billing.customers.models import Customer, SavedMethod
from billing.deferring import defer_customer_deletion
from billing.provider import provider
from billing.provider.errors import CustomerNotFound, StripeCallUnderWay, StripeRefused
from billing.provider.interface import CustomerRequest
from credits.ledger.models import Account

log = structlog.get_logger(__name__)
T = TypeVar("T")

LONGEST_NAME = 255
# How often, and how far apart, a caller looks whether another one has made the customer.
LOOKS, PAUSE_S = 40, 0.1
UPDATES_AT_ONCE = 100


OWNERS_ADDRESS = Membership.objects.filter(team=OuterRef("account__team"), role=Role.OWNER).values(
    "user__email"
)
FULL_NAME = Trim(Concat("account__owner__first_name", Value(" "), "account__owner__last_name"))
# What Stripe is to know: a user's name and address, or a team's name and its owner's address; nothing of the erased.
DETAILS = {
    "current_name": Left(
        Coalesce("account__team__name", NullIf(FULL_NAME, Value("")), "account__owner__username", Value("")),
        LONGEST_NAME,
    ),
    "current_email": Coalesce(Subquery(OWNERS_ADDRESS), "account__owner__email", Value("")),
}


def with_customer(account: Account, call: Callable[[str], T]) -> T:
    """Return what ``call`` does with Stripe's id of the account's customer, who is made first if there is none.

    If somebody has deleted the customer at Stripe, another one is made, and the call is repeated with it.

    Raises:
        StripeUnavailable, StripeRefused: no customer could be made, or the call failed.
    """
    customer_id = customer_id_of(account)
    try:
        return call(customer_id)
    except CustomerNotFound:
        forget_customer(customer_id)
        return call(customer_id_of(account))


def customer_id_of(account: Account) -> str:
    """Return Stripe's id of the account's customer, made if there is none. See `with_customer`."""
    known = Customer.objects.filter(account=account).values_list("stripe_customer_id", flat=True).first()
    if known:
        return known
    customer = _written_down(account)
    try:
        return _record(customer.pk, provider().create_customer(_request(customer)).id)
    except StripeCallUnderWay:
        return _made_by_another(customer)


def forget_customer(stripe_customer_id: str) -> bool:
    """Forget a customer that was deleted at Stripe, with its payment methods; return whether it was one of ours."""
    with transaction.atomic():
        customer = Customer.objects.select_for_update().filter(stripe_customer_id=stripe_customer_id).first()
        if customer is None:
            return False
        now = timezone.now()
        SavedMethod.objects.filter(customer=customer, detached_at=None).update(detached_at=now)
        if customer.delete_at_stripe:
            customer.deleted_at = customer.deleted_at or now
            customer.save(update_fields=["deleted_at"])
            return True
        customer.stripe_customer_id, customer.default_method = None, ""
        customer.generation += 1
        customer.save(update_fields=["stripe_customer_id", "default_method", "generation"])
        _take_over_details(customer.pk)
    log.warning("customer_deleted_at_stripe", customer=stripe_customer_id, account=str(customer.account_id))
    return True


def update_customers() -> int:
    """Send Stripe the names and addresses that changed here, up to `UPDATES_AT_ONCE`, and return how many.

    Raises:
        StripeUnavailable: no answer; the rest waits for the next time.
    """
    known = (
        Customer.objects.exclude(stripe_customer_id=None).filter(delete_at_stripe=False).annotate(**DETAILS)
    )
    changed = known.exclude(name=F("current_name"), email=F("current_email")).order_by("pk")
    customers = list(changed[:UPDATES_AT_ONCE])
    for customer in customers:
        try:
            _update(customer)
        except StripeRefused as error:  # the others are sent all the same
            log.error("customer_not_updated", customer=str(customer.pk), reason=error.code)  # noqa: TRY400
    return len(customers)


def delete_at_stripe(customer_id: UUID) -> None:
    """Delete an erased account's customer at Stripe. Safe to repeat.

    One whose answer was lost is found by its key, or made, to be deleted.

    Raises:
        StripeUnavailable, StripeRefused: no answer; the job is retried.
    """
    customer = Customer.objects.get(pk=customer_id, delete_at_stripe=True)
    if customer.deleted_at is None:
        stripe_id = customer.stripe_customer_id or provider().create_customer(_request(customer)).id
        provider().delete_customer(stripe_id)
        Customer.objects.filter(pk=customer_id).update(
            stripe_customer_id=stripe_id, name="", email="", deleted_at=timezone.now()
        )


@transaction.atomic(durable=True)  # Stripe is called next
def _written_down(account: Account) -> Customer:
    customer, is_new = Customer.objects.get_or_create(account=account)
    if is_new:
        _take_over_details(customer.pk)
        customer.refresh_from_db()
    return customer


def _made_by_another(customer: Customer) -> str:
    """Wait for the customer that another process is making.

    Raises:
        StripeCallUnderWay: it takes too long.
    """
    for _ in range(LOOKS):
        time.sleep(PAUSE_S)
        customer.refresh_from_db()
        if customer.stripe_customer_id:
            return customer.stripe_customer_id
    raise StripeCallUnderWay("The same request is still in progress. Please try again in a moment.")


def _take_over_details(customer_id: UUID) -> None:
    customer: Any = Customer.objects.annotate(**DETAILS).get(pk=customer_id)
    Customer.objects.filter(pk=customer_id).update(name=customer.current_name, email=customer.current_email)


def _request(customer: Customer) -> CustomerRequest:
    return CustomerRequest(
        key=f"customer-{customer.pk}-{customer.generation}",
        account_id=str(customer.account_id),
        user_id=str(customer.account.owner_id or ""),
        name=customer.name,
        email=customer.email,
    )


def _record(customer_id: UUID, stripe_customer_id: str) -> str:
    """Record the customer made, unless a concurrent caller has; if the account was erased meanwhile, delete it."""
    with transaction.atomic():
        customer = Customer.objects.select_for_update().get(pk=customer_id)
        if customer.stripe_customer_id is None:
            customer.stripe_customer_id = stripe_customer_id
            customer.save(update_fields=["stripe_customer_id"])
            log.info("customer_created", customer=stripe_customer_id, account=str(customer.account_id))
            if customer.delete_at_stripe:
                defer_customer_deletion(customer.pk)
    return customer.stripe_customer_id


def _update(customer: Any) -> None:
    customer.name, customer.email = customer.current_name, customer.current_email
    try:
        provider().update_customer(customer.stripe_customer_id, _request(customer))
    except CustomerNotFound:
        forget_customer(customer.stripe_customer_id)
    else:
        customer.save(update_fields=["name", "email"])
