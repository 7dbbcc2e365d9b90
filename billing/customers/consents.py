"""Keep customers' consents to be charged later. A charge without one is impossible: it takes the consent's row."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.presence import keep_from_erasure
from billing.customers.models import Consent, Customer, SavedMethod
from billing.errors import NoConsent
from billing.provider.objects import SetUpCard
from core.uuids import as_uuid

# The box that a customer ticks on Stripe's checkout page, or on the page for customers.
ON_STRIPES_PAGE = "Stripe’s page: Save my payment information for future purchases"


def ask_to_add_card(customer: Customer, user: User) -> Consent:
    """Record the consent that the user gives by going on to Stripe's page for adding a card, before it is added."""
    with transaction.atomic():
        keep_from_erasure(user.pk)
        return Consent.objects.create(
            customer=customer, kind=Consent.Kind.SAVED_CARD, wording=adding_a_card(), given_by=user
        )


def adding_a_card() -> str:
    """Return the words beside the button “Add a card”."""
    return _(
        "By adding a card, you agree that it is saved and charged for purchases that you confirm with it, until you "
        "remove it."
    )


def keep_consent(customer: Customer, stripe_payment_method_id: str, wording: str) -> None:
    """Record a consent to charge this card, unless there was one. The caller has locked the customer."""
    if not Consent.objects.filter(stripe_payment_method_id=stripe_payment_method_id).exists():
        Consent.objects.create(
            customer=customer,
            kind=Consent.Kind.SAVED_CARD,
            wording=wording,
            stripe_payment_method_id=stripe_payment_method_id,
        )


def name_card(card: SetUpCard) -> bool:
    """Record which card was added under a consent; return whether the consent is one of ours."""
    consent_id = as_uuid(card.reference)
    if consent_id is None:
        return False
    consents = Consent.objects.filter(pk=consent_id, customer__stripe_customer_id=card.customer_id)
    if not consents.exists():
        return False
    consents.filter(stripe_payment_method_id="").update(stripe_payment_method_id=card.method_id)
    return True


def consent_for(method: SavedMethod) -> Consent:
    """Return the consent under which the card may be charged, best one that names who gave it. Raises `NoConsent`."""
    if method.detached_at is not None:
        raise NoConsent(_("This card was removed."))
    found = consents_in_force(method).order_by(F("given_by").asc(nulls_last=True), "given_at").first()
    if found is None:
        raise NoConsent(_("This card was saved without consent to charge it. Remove it, and add it again."))
    return found


def consents_in_force(method: SavedMethod) -> QuerySet[Consent]:
    """Return the consents that name this card, and were not withdrawn."""
    return Consent.objects.filter(
        customer=method.customer_id,
        stripe_payment_method_id=method.stripe_payment_method_id,
        withdrawn_at=None,
    )
