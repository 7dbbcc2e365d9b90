"""What must be right before a command begins that speaks to Stripe. The site itself asks in `config.wsgi`."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from billing.errors import WrongStripeAccount
from billing.stripe.identity import refuse_other_account
from core.program import WORKER, this_program

SPEAK_TO_STRIPE = {WORKER, "manage.py reconcile", "manage.py sync_catalog"}


@register
def check_own_account(**kwargs: Any) -> list[CheckMessage]:
    """A key of another account or mode would read and write somebody else's payments under our ids."""
    if this_program() not in SPEAK_TO_STRIPE:
        return []
    try:
        refuse_other_account()
    except WrongStripeAccount as error:
        return [Error(error.message, id="billing.E001")]
    return []
