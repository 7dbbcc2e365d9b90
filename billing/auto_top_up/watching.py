"""Watch accounts with an automatic top-up: one statement finds all that crossed their threshold.

A spend pays nothing for this. The statement runs every few seconds; each crossing is handed to one job.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, Subquery

from billing.auto_top_up.attempts import settle, stop
from billing.auto_top_up.models import Attempt, AutoTopUp
from billing.customers.methods import is_consented, method_left
from billing.customers.models import SavedMethod
from billing.deferring import defer_auto_top_up
from billing.purchases.models import Purchase

State, Reason = AutoTopUp.State, AutoTopUp.Reason

# A job that is lost is asked for again after some minutes; an attempt that it began is resumed.
ASK = """
    UPDATE auto_top_up_autotopup t SET asked_at = clock_timestamp()
    FROM credits_account a
    WHERE a.id = t.account_id AND t.state = 'on' AND a.closed_at IS NULL AND a.balance - a.held < t.threshold
        AND (t.retry_at IS NULL OR t.retry_at <= clock_timestamp())
        AND (t.asked_at IS NULL OR t.asked_at <= clock_timestamp() - interval '5 minutes')
        AND NOT EXISTS (SELECT FROM auto_top_up_pause)
    RETURNING t.id
"""
REVERSED = {
    Purchase.Status.DISPUTED: Reason.DISPUTED,
    Purchase.Status.REFUNDED: Reason.REFUNDED,
    Purchase.Status.PARTIALLY_REFUNDED: Reason.REFUNDED,
}


def watch() -> int:
    """Settle attempts that ended, stop what must not go on, and ask for a top-up of each account below its threshold.

    Returns:
        How many top-ups were asked for.
    """
    for attempt in Attempt.objects.filter(outcome=Attempt.Outcome.OPEN).exclude(
        purchase__status__in=[Purchase.Status.PENDING, Purchase.Status.PROCESSING]
    ):
        settle(attempt)
    _stop_after_reversals()
    go_on_once_confirmed()
    _follow_cards()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ASK)
        due = [auto_top_up_id for (auto_top_up_id,) in cursor.fetchall()]
        for auto_top_up_id in due:
            defer_auto_top_up(auto_top_up_id)
    return len(due)


def _stop_after_reversals() -> None:
    """Turn off what a refund or a dispute of one of its payments came for: somebody didn't want it."""
    unseen = Attempt.objects.filter(outcome=Attempt.Outcome.SUCCEEDED, reversed=False)
    for attempt in unseen.filter(purchase__status__in=REVERSED).select_related("purchase"):
        with transaction.atomic():
            row = AutoTopUp.objects.select_for_update().get(pk=attempt.auto_top_up_id)
            if (
                Attempt.objects.filter(pk=attempt.pk, reversed=False).update(reversed=True)
                and row.state != State.OFF
            ):
                stop(row, State.OFF, REVERSED[Purchase.Status(attempt.purchase.status)])


def go_on_once_confirmed(account_id: UUID | None = None) -> None:
    """Resume what waits for its owner's confirmation once they bought with the card and confirmed that at their bank.

    Without an account: all of them.
    """
    declined_at = Subquery(
        Attempt.objects.filter(auto_top_up=OuterRef("pk")).order_by("-created_at").values("created_at")[:1]
    )
    bought = Purchase.objects.filter(
        account=OuterRef("account"),
        charged_method=OuterRef("declined_method"),
        top_up_attempt=None,
        status=Purchase.Status.COMPLETED,
        created_at__gt=OuterRef("declined_at"),
    )
    waiting = AutoTopUp.objects.filter(state=State.NEEDS_CONFIRMATION)
    if account_id is not None:
        waiting = waiting.filter(account=account_id)
    confirmed = waiting.annotate(declined_at=declined_at).filter(Exists(bought))
    for auto_top_up_id in list(confirmed.values_list("pk", flat=True)):
        with transaction.atomic():
            locked = AutoTopUp.objects.select_for_update().get(pk=auto_top_up_id)
            if locked.state == State.NEEDS_CONFIRMATION:
                go_on(locked)


def _follow_cards() -> None:
    """Turn off those without a card left; resume those that another card than the declined one can pay, and at once
    where the declined one would be tried again later.
    """
    waiting = AutoTopUp.objects.exclude(state=State.OFF).exclude(reason=Reason.STAFF)
    cards = SavedMethod.objects.filter(customer__account=OuterRef("account"), detached_at=None)
    # Nearly all have a card, and none that was declined: nothing more is asked about them.
    concerned = waiting.filter(~Exists(cards.filter(is_consented())) | Q(declined_method__isnull=False))
    for row in concerned.select_related("account"):
        method = method_left(row.account)
        has_another = method is not None and row.declined_method_id not in (None, method.pk)
        if method is not None and not has_another:
            continue
        with transaction.atomic():
            locked = AutoTopUp.objects.select_for_update().get(pk=row.pk)
            if locked.state == State.OFF:
                continue
            if method is None:
                stop(locked, State.OFF, Reason.CARD_REMOVED)
            else:
                go_on(locked)


def go_on(row: AutoTopUp) -> None:
    """Resume a locked automatic top-up: another card is there, or a person says so."""
    row.state, row.reason, row.declines = State.ON, "", 0
    row.retry_at = row.asked_at = row.declined_method = None
    row.save()
