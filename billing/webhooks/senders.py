"""Look at the address that a delivery comes from, before its signature. The signature still decides.

An address is never a reason to accept a delivery: whoever shares a network with Stripe could send one. With
STRIPE_WEBHOOK_ADDRESSES=refuse it is one more reason not to, which keeps others' attempts away from the signature.
"""

from __future__ import annotations

import structlog
from django.conf import settings

from billing.provider import provider
from billing.provider.errors import UnlistedSender

log = structlog.get_logger(__name__)

OFF, LOG, REFUSE = "off", "log", "refuse"


def check_sender(address: str) -> None:
    """Log a delivery from an address that the provider doesn't list. Raises UnlistedSender if it is to be refused."""
    policy = settings.STRIPE_WEBHOOK_ADDRESSES
    if policy == OFF or provider().is_listed_sender(address):
        return
    log.warning("webhook_address_unlisted", address=address, refused=policy == REFUSE)
    if policy == REFUSE:
        raise UnlistedSender(
            "This address isn't on the site's list of Stripe's webhook addresses. Nothing was read or stored."
        )
