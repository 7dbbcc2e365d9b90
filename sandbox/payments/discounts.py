"""Discounts: a promotion code that takes something off a session, up to the whole of it."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments.sessions import NotPayableError, require_open
from sandbox.shapes import Json

_COUPON = "sandbox_discount"


def discount_session(session: Record, amount_off: int | None) -> None:
    """Take so much off an open session that nobody tried to pay, or all of it. Raises NotPayableError."""
    require_open(session)
    if session.data["payment_intent"] is not None:
        raise NotPayableError("a payment was tried already")
    total = session.data["amount_total"]
    off = total if amount_off is None else amount_off
    if off > total:
        raise NotPayableError(f"the session is over {total}: there is no more to take off")
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
    """Take it off the items in their order: off the first as long as there is something left of it."""
    for item in items:
        part = min(off, item["amount_total"])
        item["amount_discount"] += part
        item["amount_total"] -= part
        off -= part
