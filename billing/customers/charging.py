"""Charge a saved payment method: the only place that does, and only under a consent that is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from billing.customers.consents import consents_in_force
from billing.customers.models import Consent, SavedMethod
from billing.errors import NoConsent
from billing.money import Money
from billing.provider import provider
from billing.provider.interface import ChargeRequest
from billing.provider.objects import PaymentIntent


@dataclass(frozen=True)
class Charge:
    """A charge to make. The same ``key`` always makes the same one. ``return_url`` is where the customer, who is
    there, comes back to from their bank.
    """

    key: str
    amount: Money
    description: str
    return_url: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def charge(method: SavedMethod, consent_id: UUID, order: Charge) -> PaymentIntent:
    """Charge a saved payment method, under the consent that the caller has recorded with the charge: that of the card,
    or for a customer who isn't there, that of the automatic top-up.

    Raises:
        NoConsent: the consent was withdrawn, the card removed, or the consent is about another card.
        StripeUnavailable: no answer; it may have been charged, and the same call tells.
        StripeRefused: nothing was charged.
    """
    method.refresh_from_db()
    if not _may_charge(method, consent_id, is_there=bool(order.return_url)):
        raise NoConsent(
            _("This card was removed, or the consent to charge it withdrawn. Nothing was charged.")
        )
    return provider().charge_method(
        ChargeRequest(
            key=order.key,
            consent_id=str(consent_id),
            customer_id=str(method.customer.stripe_customer_id),
            method_id=method.stripe_payment_method_id,
            method_type=method.method,
            amount_minor=order.amount.minor,
            currency=order.amount.currency,
            description=order.description,
            metadata=order.metadata,
            return_url=order.return_url,
        )
    )


def _may_charge(method: SavedMethod, consent_id: UUID, *, is_there: bool) -> bool:
    card = consents_in_force(method)
    if method.detached_at is not None or not card.exists():
        return False
    if is_there:
        return card.filter(pk=consent_id).exists()
    automatic = Consent.objects.filter(kind=Consent.Kind.AUTO_TOP_UP, customer=method.customer_id)
    return automatic.filter(pk=consent_id, withdrawn_at=None).exists()
