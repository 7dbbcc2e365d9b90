"""Count how often promotion codes were redeemed, and tell whether one still can be."""

from sandbox import clock, store
from sandbox.models import Record
from sandbox.shapes import Json


def note_redemption(session: Record) -> None:
    """Count the codes of a completed session as used."""
    for each in session.data["discounts"]:
        code = store.find_record("promotion_code", each["promotion_code"] or "")
        if code is not None:
            store.change(code, times_redeemed=code.data["times_redeemed"] + 1)
            coupon = store.get_record("coupon", code.data["promotion"]["coupon"])
            store.change(coupon, times_redeemed=coupon.data["times_redeemed"] + 1)


def is_valid(code: Json) -> bool:
    """Tell whether a promotion code and its coupon can be redeemed now."""
    coupon = store.find_record("coupon", code["promotion"]["coupon"])
    if not code["active"] or coupon is None or coupon.deleted:
        return False
    limits = ((code, "expires_at"), (coupon.data, "redeem_by"))
    return all(
        (each[until] is None or each[until] > clock.get_now())
        and (each["max_redemptions"] is None or each["times_redeemed"] < each["max_redemptions"])
        for each, until in limits
    )
