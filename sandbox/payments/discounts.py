"""Apply a promotion code that takes part of a session's total off, or all of it."""

from decimal import ROUND_HALF_UP, Decimal

from sandbox import store
from sandbox.models import Record
from sandbox.payments.redemptions import is_valid
from sandbox.payments.states import WrongStateError, require_status
from sandbox.payments.subscription_checkouts import is_subscription
from sandbox.payments.totals import add_up_again
from sandbox.shapes import Json

_COUPON = "sandbox_discount"


def discount_session(session: Record, amount_off: int | None) -> None:
    """Take this much off an open session without payment attempts, or everything. Raises WrongStateError."""
    _require_discountable(session)
    total = sum(item["amount_subtotal"] - item["amount_discount"] for item in session.private["line_items"])
    off = total if amount_off is None else amount_off
    if off > total:
        raise WrongStateError(f"the session's total is {total}: no more can be taken off")
    _apply(session, off, {"coupon": _COUPON, "promotion_code": None})


def redeem_code(session: Record, code: str) -> None:
    """Apply a promotion code that the buyer enters. Raises WrongStateError."""
    _require_discountable(session)
    if not session.data["allow_promotion_codes"] or session.data["discounts"]:
        raise WrongStateError("the session takes no promotion code, or no other one")
    found = store.list_records("promotion_code").filter(data__code__iexact=code.strip()).first()
    if found is None or not is_valid(found.data):
        raise WrongStateError("This code is invalid.")
    coupon = store.get_record("coupon", found.data["promotion"]["coupon"])
    total = sum(item["amount_subtotal"] for item in session.private["line_items"])
    off = _find_amount(coupon.data, total, session.data["currency"])
    _apply(session, off, {"coupon": None, "promotion_code": found.id})


def _require_discountable(session: Record) -> None:
    require_status(session, "open")
    if is_subscription(session):
        raise WrongStateError("the sandbox discounts no subscriptions")
    if session.data["amount_total"] is None:
        raise WrongStateError("the session has no price")
    if session.data["payment_intent"] is not None:
        raise WrongStateError("a payment was already attempted")


def _find_amount(coupon: Json, total: int, currency: str) -> int:
    if coupon["percent_off"] is not None:
        exact = total * Decimal(str(coupon["percent_off"])) / 100
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    if coupon["currency"] != currency:
        raise WrongStateError("This code is for another currency.")
    return int(min(total, coupon["amount_off"]))


def _apply(session: Record, off: int, discount: Json) -> None:
    """Take it off the items in their order, each down to zero before the next."""
    for item in session.private["line_items"]:
        part = min(off, item["amount_subtotal"] - item["amount_discount"])
        item["amount_discount"] += part
        off -= part
    session.data["discounts"] = [*session.data["discounts"], discount]
    add_up_again(session)
