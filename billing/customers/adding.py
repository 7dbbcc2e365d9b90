"""Open Stripe's pages for a customer: the one that adds a card, and the portal."""

from __future__ import annotations

from django.conf import settings

from accounts.models import User
from billing.customers.at_stripe import with_customer
from billing.customers.consents import ask_to_add_card
from billing.customers.models import Customer
from billing.provider import provider
from billing.provider.interface import CardRequest
from credits.ledger.models import Account


def card_page(account: Account, user: User) -> str:
    """Record the user's consent, and return the URL of the page on which they add a card.

    Raises:
        UserErased: the user was just erased.
        StripeUnavailable, StripeRefused: no page could be opened.
    """

    def opened(customer_id: str) -> str:
        consent = ask_to_add_card(Customer.objects.get(account=account), user)
        page = f"{settings.SITE_URL}/credits/billing/"
        request = CardRequest(
            consent_id=str(consent.pk),
            customer_id=customer_id,
            user_id=str(user.pk),
            success_url=f"{page}?added=1",
            cancel_url=page,
        )
        return provider().open_card_page(request)

    with provider().place():
        return with_customer(account, opened)


def portal_page(account: Account) -> str:
    """Return the URL of Stripe's own page for the account's customer. Raises as `card_page`."""
    page = f"{settings.SITE_URL}/credits/billing/"
    with provider().place():
        return with_customer(account, lambda customer_id: provider().open_portal(customer_id, page))
