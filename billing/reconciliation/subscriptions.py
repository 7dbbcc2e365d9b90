"""Compare subscriptions as they are now, whatever the period: those alive at Stripe, then those alive only here.

One of another product names no row of ours and has no id that we know.
"""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q

from billing.checkout.closing import Finding
from billing.provider import provider
from billing.provider.objects import ProviderSubscription, SubscriptionRef
from billing.reconciliation.models import SeenSubscription
from billing.reconciliation.page import Page
from billing.reconciliation.syncing import bring_up_to_date, rows_of, state_at_stripe, state_of
from billing.subscriptions.models import Subscription
from billing.subscriptions.syncing import terms_at
from core.database.replica.reading import read_from_replica
from core.uuids import as_uuid

# Rows per page of our subscriptions.
OWN_PAGE = 100
PRICE_UNKNOWN = "subscription_price_unknown"


def compare_subscriptions(page: Page) -> None:
    """Compare a page of the subscriptions that are alive at Stripe."""
    if not Subscription.objects.exists():  # so Stripe has none of ours
        page.cursor = ""
        return
    listed = provider().subscriptions_page(page.cursor)
    refs = {one.id: SubscriptionRef(one.id, one.reference) for one in listed.items}
    rows = read_from_replica(None, lambda: rows_of(refs.values()))
    for reported in listed.items:
        row = rows.get(refs[reported.id])
        if row is not None or as_uuid(reported.reference):
            _compare(reported, row, page)
    page.move_on(listed)


def _compare(reported: ProviderSubscription, row: Subscription | None, page: Page) -> None:
    page.subscriptions += 1
    if row is not None:
        page.seen_subscriptions.add(row.pk)
    if row is None or reported.reference != str(row.pk):
        reference = reported.reference or "missing"
        detail = f"{reported.id}: {reported.status} at Stripe, and no subscription here; its reference is {reference}"
        page.open.append(Finding("subscription_unknown", detail, object_id=reported.id))
    elif state_of(row) != state_at_stripe(reported) or row.account.closed_at is not None:
        page.beat()
        row = bring_up_to_date(row, reported.id, page)
        if terms_at(row, reported.price_id) is None:
            detail = f"{reported.id}: no plan has its price {reported.price_id}"
            page.open.append(
                Finding(PRICE_UNKNOWN, detail, object_id=reported.id, subscription_id=str(row.pk))
            )


def compare_own_subscriptions(page: Page) -> None:
    """Ask Stripe about those alive here that its list didn't include: each has ended, or Stripe doesn't have it."""
    seen = SeenSubscription.objects.filter(run_id=page.run_id, subscription_id=OuterRef("pk"))
    alive = Subscription.objects.exclude(status__in=Subscription.ENDED).exclude(stripe_subscription_id=None)
    after = Q(pk__gt=page.cursor) if page.cursor else Q()
    unseen = alive.filter(after, ~Exists(seen)).order_by("pk")[:OWN_PAGE]
    rows = read_from_replica(None, lambda: list(unseen))
    for row in rows:
        page.beat()
        page.subscriptions += 1
        bring_up_to_date(row, str(row.stripe_subscription_id), page)
    page.cursor = str(rows[-1].pk) if len(rows) == OWN_PAGE else ""
