"""Apply a promotion code that takes part of a session's total off, or all of it."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments.states import WrongStateError, require_status
from sandbox.payments.subscription_checkouts import is_subscription
from sandbox.shapes import Json

_COUPON = "sandbox_discount"


def discount_session(session: Record, amount_off: int | None) -> None:
    """Take this much off an open session without payment attempts, or everything. Raises WrongStateError."""
    require_status(session, "open")
    if is_subscription(session):
        raise WrongStateError("the sandbox discounts no subscriptions")
    if session.data["amount_total"] is None:
        raise WrongStateError("the session has no price")
    if session.data["payment_intent"] is not None:
        raise WrongStateError("a payment was already attempted")
    total = session.data["amount_total"]
    off = total if amount_off is None else amount_off
    if off > total:
        raise WrongStateError(f"the session's total is {total}: no more can be taken off")
    _discount_items(session.private["line_items"], off)
    details = session.data["total_details"]
    store.change(
        session,
        amount_total=total - off,
        discounts=[*session.data["discounts"], {"coupon": _COUPON, "promotion_code": None}],
        payment_status="unpaid" if off < total else "no_payment_required",
        total_details={**details, "amount_discount": details["amount_discount"] + off},
    )


def _discount_items(items: list[Json], off: int) -> None:
    """Take it off the items in their order, each down to zero before the next."""
    for item in items:
        part = min(off, item["amount_total"])
        item["amount_discount"] += part
        item["amount_total"] -= part
        off -= part
