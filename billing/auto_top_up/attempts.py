"""Begin attempts, charge for them, and draw the consequences.

An attempt and its purchase are committed before Stripe is called, with the purchase's id as the idempotency key. A lost
answer is found again by the attempt's next look, the webhook or the sweeper; it is never charged a second time.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.errors import UserErased
from accounts.models import User
from accounts.presence import keep_from_erasure
from billing.auto_top_up.deciding import (
    AFTER_NO_ANSWER,
    Lot,
    Verdict,
    how_many,
    month_of,
    next_month,
    retry_after,
    verdict,
)
from billing.auto_top_up.models import Attempt, AutoTopUp, Pause
from billing.checkout.card_payments import charge_purchase, sync_card_purchase
from billing.checkout.terms import PurchaseTerms, terms_of_amount, terms_of_package
from billing.currencies import most_chargeable
from billing.customers.methods import method_left
from billing.customers.permissions import who_pays
from billing.deferring import defer_auto_top_up_news
from billing.errors import BillingError, NoConsent
from billing.money import Money
from billing.provider import provider
from billing.provider.errors import StripeRefused
from billing.purchases.log import Change, Source, record
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.tax import taxes_sales
from credits.ledger.models import Account

log = structlog.get_logger(__name__)
State, Reason = AutoTopUp.State, AutoTopUp.Reason
SOURCE = Source(PurchaseEvent.Source.JOB)


def top_up(auto_top_up_id: int) -> None:
    """Begin an attempt if one is due, or resume the open one, and charge for it. Safe to repeat and to run at once.

    Raises:
        StripeUnavailable: it is not known whether the card was charged; the next look tells.
    """
    attempt = Attempt.objects.filter(auto_top_up=auto_top_up_id, outcome=Attempt.Outcome.OPEN).first()
    if attempt is not None:
        _resume(attempt)
    else:
        attempt = _begin(auto_top_up_id)
        if attempt is None:
            return
        _charge(attempt.purchase)
    settle(attempt)


def settle(attempt: Attempt) -> bool:
    """Draw the consequences of an attempt whose purchase is credited or has failed; return whether this call did."""
    with transaction.atomic():
        row = AutoTopUp.objects.select_for_update().get(pk=attempt.auto_top_up_id)
        attempt = Attempt.objects.select_related("purchase").get(pk=attempt.pk)
        purchase = attempt.purchase
        if attempt.outcome != Attempt.Outcome.OPEN or purchase.is_open or purchase.attention:
            return False
        attempt.outcome = Attempt.Outcome.SUCCEEDED if purchase.is_credited else Attempt.Outcome.FAILED
        attempt.ended_at = timezone.now()
        attempt.save(update_fields=["outcome", "ended_at"])
        row.asked_at = None
        if purchase.is_credited:
            row.declines, row.retry_at, row.declined_method = 0, None, None
        elif row.state == State.ON:
            _after_failure(row, purchase)
        row.save()
    log.info(
        "top_up_attempt_ended", purchase=str(purchase.pk), outcome=attempt.outcome, code=purchase.failure_code
    )
    return True


def charged_this_month(row: AutoTopUp, now: datetime | None = None) -> Money:
    """Return what the month's attempts took or are about to take; refunds don't lower it."""
    month = month_of(now or timezone.now())
    counted = row.attempts.filter(month=month, purchase__currency=row.currency)
    counted = counted.exclude(outcome=Attempt.Outcome.FAILED)
    return Money(counted.aggregate(sum=Sum("amount_minor"))["sum"] or 0, row.currency)


def terms_of(row: AutoTopUp) -> PurchaseTerms:
    """Return what is bought each time. Raises a `BillingError` if it is not on sale."""
    if row.custom_minor is None:
        return terms_of_package(row.package_code, row.currency)
    return terms_of_amount(Money(row.custom_minor, row.currency).major, row.currency)


def stop(row: AutoTopUp, state: AutoTopUp.State, reason: AutoTopUp.Reason) -> None:
    """Turn a locked automatic top-up off, suspend it, or have it wait for its owner, and say so by mail."""
    row.state, row.reason, row.retry_at, row.asked_at = state, reason, None, None
    row.save()
    defer_auto_top_up_news(row.pk, reason)
    log.info("auto_top_up_stopped", auto_top_up=row.pk, state=state, reason=reason)


def _begin(auto_top_up_id: int) -> Attempt | None:
    """Commit an attempt and its purchase; None if there is nothing to do."""
    row = AutoTopUp.objects.select_related("account", "consent__given_by").get(pk=auto_top_up_id)
    buyer = who_pays(row.account, row.consent.given_by if row.consent else None)
    if buyer is None:
        return None
    try:
        provider().require_own_account()
        with transaction.atomic(durable=True):  # Stripe is called next
            keep_from_erasure(buyer.pk)
            row = AutoTopUp.objects.select_for_update().get(pk=auto_top_up_id)
            return _begin_locked(row, buyer) if _is_due(row) else None
    except UserErased:
        return None


def _is_due(row: AutoTopUp) -> bool:
    if row.state != State.ON or Pause.objects.exists():
        return False
    if row.retry_at is not None and row.retry_at > timezone.now():
        return False
    if row.attempts.filter(outcome=Attempt.Outcome.OPEN).exists():
        return False
    account = Account.objects.get(pk=row.account_id)
    return account.closed_at is None and account.balance - account.held < row.threshold


def _begin_locked(row: AutoTopUp, buyer: User) -> Attempt | None:
    if taxes_sales():  # as tax is calculated at the checkout only, and nothing is charged untaxed
        stop(row, State.SUSPENDED, Reason.TAXED)
        return None
    account = Account.objects.get(pk=row.account_id)
    try:
        one = terms_of(row)
    except BillingError:
        one = None
    if one is None or not one.price.minor or one.price.currency != row.currency:
        stop(row, State.SUSPENDED, Reason.NOT_SOLD)
        return None
    method = method_left(account)
    if method is None:
        stop(row, State.OFF, Reason.CARD_REMOVED)
        return None
    if row.agreed_minor is not None and (
        one.regular.minor > row.agreed_minor or one.credits < (row.agreed_credits or 0)
    ):
        stop(row, State.SUSPENDED, Reason.PRICE_CHANGED)
        return None
    left = min(row.monthly_limit_minor - charged_this_month(row).minor, most_chargeable(row.currency))
    lot = Lot(one.credits, one.price.minor)
    count = how_many(lot, account.balance - account.held, row.threshold, left)
    if count < 1:
        _wait_for_next_month(row)
        return None
    terms = one.times(count)
    purchase = Purchase(
        user=buyer,
        account=account,
        charged_method=method,
        consent=row.consent,
        stripe_customer_id=method.customer.stripe_customer_id or "",
        **terms.copied(),
    )
    record(purchase, Change("started", detail={"auto_top_up": row.pk}), SOURCE)
    return Attempt.objects.create(
        purchase=purchase, auto_top_up=row, amount_minor=terms.price.minor, month=month_of(timezone.now())
    )


def _wait_for_next_month(row: AutoTopUp) -> None:
    now = timezone.now()
    if row.limit_reached_in != month_of(now):
        row.limit_reached_in = month_of(now)
        defer_auto_top_up_news(row.pk, "limit_reached")
    row.retry_at, row.asked_at = next_month(now), None
    row.save()


def _charge(purchase: Purchase) -> None:
    with suppress(StripeRefused, NoConsent):  # the purchase has failed, and says why
        charge_purchase(purchase, "", SOURCE)


def _resume(attempt: Attempt) -> None:
    """Look for the payment of an open attempt; only if Stripe has none, charge, under the same key."""
    purchase = attempt.purchase
    if not purchase.is_open:
        return
    purchase = sync_card_purchase(purchase, SOURCE)
    is_unpaid = purchase.is_open and not Payment.objects.filter(purchase=purchase).exists()
    is_fresh = purchase.created_at > timezone.now() - settings.SWEEP_AFTER
    if is_unpaid and is_fresh:
        _charge(purchase)


def _after_failure(row: AutoTopUp, purchase: Purchase) -> None:
    code = purchase.failure_code
    meaning = verdict(code)
    if meaning is Verdict.NO_DECLINE:
        row.retry_at = timezone.now() + AFTER_NO_ANSWER
        return
    row.declined_method_id = purchase.charged_method_id
    row.declines += 1
    if code == NoConsent.code:
        stop(row, State.OFF, Reason.CARD_REMOVED)
    elif meaning is Verdict.CONFIRM:
        stop(row, State.NEEDS_CONFIRMATION, Reason.AUTHENTICATION)
    elif meaning is Verdict.HARD:
        stop(row, State.SUSPENDED, Reason.HARD_DECLINE)
    elif (later := retry_after(row.declines)) is None:
        stop(row, State.SUSPENDED, Reason.REFUSED if code == StripeRefused.code else Reason.DECLINES)
    else:
        row.retry_at = later
        if row.declines == 1 and code != StripeRefused.code:
            defer_auto_top_up_news(row.pk, "declined")
