"""Check the Stripe key before commands that call Stripe; the site itself does so in `config.wsgi`."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, register

from billing.provider.errors import WrongStripeAccount
from billing.stripe.identity import refuse_other_account
from core.program import WORKER, this_program

SPEAK_TO_STRIPE = {WORKER, "manage.py reconcile", "manage.py sync_catalog"}


@register
def check_own_account(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a key of another account or mode, which would mix its payments with ours."""
    if this_program() not in SPEAK_TO_STRIPE:
        return []
    try:
        refuse_other_account()
    except WrongStripeAccount as error:
        return [Error(error.message, id="billing.E001")]
    return []
