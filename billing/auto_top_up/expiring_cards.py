"""Tell owners a month ahead that the card which automatic top-up charges expires.

Only where something depends on the card. Banks often renew it by themselves, and Stripe then reports the new date.
"""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from billing.auto_top_up.models import AutoTopUp
from billing.customers.methods import default_method
from billing.customers.models import SavedMethod
from billing.deferring import defer_auto_top_up_mail


def warn_of_expiring_cards(today: date | None = None) -> int:
    """Defer an email about each default card in its last month, or the one before; once per card and expiry date.

    Returns:
        How many were deferred.
    """
    today = today or timezone.localdate()
    warned = 0
    for row in AutoTopUp.objects.exclude(state=AutoTopUp.State.OFF).select_related("account").iterator():
        method = default_method(row.account)
        if method is not None and method.expires_soon(today) and _mark(method):
            warned += 1
            defer_auto_top_up_mail(row.pk, "card_expires")
    return warned


@transaction.atomic
def _mark(method: SavedMethod) -> bool:
    """Return whether this date was not announced before."""
    expiry = f"{method.exp_year}-{method.exp_month:02d}"
    return bool(
        SavedMethod.objects.filter(pk=method.pk)
        .exclude(announced_expiry=expiry)
        .update(announced_expiry=expiry)
    )
