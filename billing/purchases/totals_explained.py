"""Ask Stripe what its events don't say of a checkout's total: why it has no tax, and the promotion code as entered."""

from __future__ import annotations

import structlog
from django.db import transaction

from billing.provider import provider
from billing.provider.errors import StripeRefused
from billing.purchases.log import lock_purchase
from billing.purchases.models import Purchase
from billing.tax import REVERSE_CHARGE

log = structlog.get_logger(__name__)
# How Stripe's ids of promotion codes begin.
CODE_ID = "promo_"


def explain_total(purchase: Purchase) -> None:
    """Keep why a paid purchase has no tax, which its receipt must say, and its promotion code. Safe to repeat.

    Raises:
        StripeUnavailable, StripeRefused: no answer, and the receipt can't be written without.
    """
    lacks_reason = bool(purchase.tax_behavior) and not purchase.tax_minor and not purchase.tax_note
    lacks_code = purchase.promotion_code.startswith(CODE_ID)
    if purchase.stripe_session_id is None or not (lacks_reason or lacks_code):
        return
    try:
        told = provider().explain_totals(purchase.stripe_session_id, with_code=lacks_code)
    except StripeRefused as error:
        if not lacks_code:
            raise
        # Such as a restricted key that may not read promotion codes.
        log.warning("promotion_code_not_known", purchase=str(purchase.pk), reason=error.code)
        if not lacks_reason:
            return
        told = provider().explain_totals(purchase.stripe_session_id, with_code=False)
    with transaction.atomic():
        locked = lock_purchase(purchase.pk)
        if told.tax_reason == REVERSE_CHARGE:
            locked.tax_note = REVERSE_CHARGE
        locked.promotion_code = told.promotion_code or locked.promotion_code
        locked.save(update_fields=["tax_note", "promotion_code"])
