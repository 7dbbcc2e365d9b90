"""Let time pass for subscriptions and their invoices: warnings, renewals, finalization, attempts to collect."""

from sandbox import clock
from sandbox.models import Record
from sandbox.payments import invoicing
from sandbox.payments.collecting import collect
from sandbox.payments.pending_updates import expire_held
from sandbox.payments.periods import HOUR_S
from sandbox.payments.previews import preview_renewal
from sandbox.payments.subscription_states import cancel
from sandbox.payments.subscriptions import (
    draft_invoice,
    get_items,
    get_period,
    list_steps,
    make_period_lines,
    plan_next,
    report_change,
    start_period,
)
from sandbox.webhooks.events import emit


def meet_subscription(subscription: Record) -> None:
    """Take the step of a subscription that is due first."""
    what = min(list_steps(subscription))[1]
    if what == "cancel":
        cancel(subscription)
    elif what == "expire update":
        expire_held(subscription)
    elif what == "renew":
        _renew(subscription)
    else:
        _tell(subscription, what)


def _tell(subscription: Record, what: str) -> None:
    """Announce the next invoice, or the end of a trial."""
    if what == "tell upcoming":
        preview = preview_renewal(subscription)
        del preview["id"]  # at Stripe too: there is no such invoice yet
        emit("invoice.upcoming", preview)
    else:
        emit("customer.subscription.trial_will_end", subscription.data)
    subscription.private["told"].append(what)
    plan_next(subscription)


def _renew(subscription: Record) -> None:
    """Begin the next period, and draft its invoice. It is finalized and charged an hour later.

    That of an unpaid subscription stays a draft.
    """
    former, latest = get_period(subscription), subscription.data["latest_invoice"]
    previous = start_period(subscription, former.end)
    lines = make_period_lines(subscription, get_items(subscription), get_period(subscription))
    finalizes_at = None if subscription.data["status"] == "unpaid" else clock.get_now() + HOUR_S
    draft_invoice(subscription, lines, "subscription_cycle", former, finalizes_at)
    report_change(subscription, {**previous, "latest_invoice": latest})


def meet_invoice(invoice: Record) -> None:
    """Finalize a draft, or try once more to collect what is open."""
    invoice.due = None
    if invoice.data["status"] == "draft":
        invoicing.finalize(invoice)
    collect(invoice, by_clock=True)
