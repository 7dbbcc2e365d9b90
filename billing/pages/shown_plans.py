"""Read what the shop and the billing page show of plans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams.models import Team
from billing.customers.permissions import manages_billing
from billing.errors import BillingError
from billing.money import Money
from billing.pages.tax_words import tax_words
from billing.plans.models import Plan
from billing.provider import provider
from billing.subscriptions.changing import price_paid
from billing.subscriptions.models import Subscription
from billing.subscriptions.savings import savings_of
from billing.subscriptions.selectors import alive_subscription, plans_on_sale
from billing.subscriptions.syncing import sync_subscription
from core.uuids import as_uuid
from credits.ledger.holders import account_of
from credits.ledger.models import Account

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PlanChange:
    """A plan to change to, and the most that is charged for it at once; None if it begins with the next period."""

    plan: Plan
    most_due: Money | None


def shop_plans(user: User, team: Team | None) -> dict[str, Any]:
    """Return what the plans' section of the shop shows; nothing without plans."""
    plans = plans_on_sale()
    account = account_of(user, team).first() if plans else None
    taken = alive_subscription(account) if account else None
    subscribed = taken if taken and taken.stripe_subscription_id else None
    may_subscribe = team is None or (account is not None and manages_billing(user, account))
    return {
        "plans": plans,
        "subscribed": subscribed,
        "may_subscribe": may_subscribe,
        "savings": savings_of(account, plans) if account and may_subscribe and not subscribed else [],
    }


def billing_plan(account: Account | None) -> dict[str, Any]:
    """Return what the billing page shows of the account's plan."""
    taken = alive_subscription(account) if account else None
    plan = taken if taken and taken.stripe_subscription_id else None
    on_sale = plans_on_sale()
    return {
        "plan": plan,
        "sells_plans": bool(on_sale),
        "changes": _changes(plan, on_sale) if plan else [],
        "tax_words": tax_words(each.currency for each in on_sale),
        "savings": savings_of(account, on_sale) if account and not plan else [],
    }


def _changes(taken: Subscription, on_sale: list[Plan]) -> list[PlanChange]:
    if taken.status not in Subscription.RUNNING or taken.cancel_at_period_end:
        return []
    terms, paid = taken.terms, price_paid(taken)
    found = []
    for plan in on_sale:
        if (plan.currency, plan.interval) == (
            terms.currency,
            terms.interval,
        ) and plan.code != terms.plan_code:
            is_at_once = plan.price_minor > paid
            most = Money(plan.price_minor - terms.price_minor, plan.currency)
            found.append(PlanChange(plan, most if is_at_once else None))
    return found


def confirm_subscribed(request: HttpRequest, account: Account | None) -> None:
    """Take over what a checkout led to, as its webhook may still be on its way, and say so."""
    named = as_uuid(request.GET.get("subscribed", ""))
    row = Subscription.objects.filter(account=account, pk=named).first() if account and named else None
    if row is None:
        return
    try:
        with provider().place(wait_s=0):
            row = sync_subscription(row.pk)
    except BillingError as error:
        log.warning("subscription_not_synced", subscription=str(row.pk), code=error.code)
    if row.status in Subscription.RUNNING:
        messages.success(request, _("Your plan has started."))
    else:
        messages.info(request, _("Your plan starts as soon as the payment is confirmed."))
