"""Check the Stripe key before commands that call Stripe, and the list of its addresses before all.

The site itself does both in `config.wsgi`: web servers don't run system checks.
"""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register

from billing.provider.errors import WrongStripeAccount
from billing.stripe.identity import refuse_other_account
from billing.stripe.webhook_addresses import list_problem
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


@register(Tags.security)
def check_webhook_addresses(**kwargs: Any) -> list[CheckMessage]:
    """Warn of a stale list of the addresses that webhooks come from: Stripe may send from new ones."""
    problem = list_problem()
    return [Warning(problem, id="billing.W002")] if problem else []
