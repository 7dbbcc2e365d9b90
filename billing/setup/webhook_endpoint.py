"""Query and set up Stripe's side: the account, the webhook endpoint and the key's permissions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from billing.setup.webhook_events import WANTED_EVENTS
from billing.stripe.client import LIST_PAGE, ask
from billing.stripe.objects.reading import reading, text
from billing.subscriptions.selectors import plans_are_used

# An id that no object has, to test write permissions without changing anything.
NOTHING = "check_stripe_none"
FEWEST = {"limit": 1}


@dataclass(frozen=True)
class StripeAccountState:
    id: str
    charges_enabled: bool


@dataclass(frozen=True)
class WebhookEndpoint:
    """A webhook endpoint at Stripe; ``secret`` is set only in the response that created it."""

    id: str
    url: str
    status: str
    api_version: str
    livemode: bool
    events: list[str]
    secret: str = ""


@dataclass(frozen=True)
class Permission:
    """A permission that a restricted key needs, as Stripe's dashboard names it, and the call that tests it."""

    name: str
    probe: Callable[[Any], Any]


PERMISSIONS = (
    Permission("Checkout Sessions: read", lambda stripe: stripe.checkout.sessions.list(FEWEST)),
    Permission("Checkout Sessions: write", lambda stripe: stripe.checkout.sessions.expire(f"cs_{NOTHING}")),
    Permission("Charges and Refunds: read", lambda stripe: stripe.refunds.list(FEWEST)),
    Permission(
        "Charges and Refunds: write",
        lambda stripe: stripe.refunds.create({"payment_intent": f"pi_{NOTHING}", "amount": 100}),
    ),
    Permission("Products: read", lambda stripe: stripe.products.list(FEWEST)),
    Permission(
        "Products: write", lambda stripe: stripe.products.update(f"prod_{NOTHING}", {"active": False})
    ),
    Permission("Prices: read", lambda stripe: stripe.prices.list(FEWEST)),
    Permission("Prices: write", lambda stripe: stripe.prices.update(f"price_{NOTHING}", {"active": False})),
    Permission("PaymentIntents: read", lambda stripe: stripe.payment_intents.list(FEWEST)),
    Permission("PaymentIntents: write", lambda stripe: stripe.payment_intents.cancel(f"pi_{NOTHING}")),
    Permission("SetupIntents: read", lambda stripe: stripe.setup_intents.list(FEWEST)),
    Permission("Payment Methods: read", lambda stripe: stripe.payment_methods.list(FEWEST)),
    Permission("Payment Methods: write", lambda stripe: stripe.payment_methods.detach(f"pm_{NOTHING}")),
    Permission("Customers: read", lambda stripe: stripe.customers.list(FEWEST)),
    Permission("Customers: write", lambda stripe: stripe.customers.update(f"cus_{NOTHING}", {"name": ""})),
    Permission("Customer portal: read", lambda stripe: stripe.billing_portal.configurations.list(FEWEST)),
    Permission(
        "Customer portal: write",
        lambda stripe: stripe.billing_portal.sessions.create({"customer": f"cus_{NOTHING}"}),
    ),
    Permission("Disputes: read", lambda stripe: stripe.disputes.list(FEWEST)),
    Permission("Balance transaction sources: read", lambda stripe: stripe.balance_transactions.list(FEWEST)),
)


INVOICES = Permission("Invoices: read", lambda stripe: stripe.invoices.list(FEWEST))
SUBSCRIPTIONS = (
    Permission("Subscriptions: read", lambda stripe: stripe.subscriptions.list(FEWEST)),
    Permission(
        "Subscriptions: write",
        lambda stripe: stripe.subscriptions.update(f"sub_{NOTHING}", {"cancel_at_period_end": True}),
    ),
)


def permissions_needed() -> list[Permission]:
    """Return the permissions needed; reading is tested by a list, writing by changing what doesn't exist."""
    with_plans = plans_are_used()
    invoices = [INVOICES] if settings.STRIPE_INVOICES or with_plans else []
    return [*PERMISSIONS, *invoices, *(SUBSCRIPTIONS if with_plans else ())]


def fetch_account() -> StripeAccountState:
    """Return the key's account. Raises `StripeUnavailable`, `StripeRefused`."""
    data = ask(lambda stripe: stripe.accounts.retrieve_current())
    with reading("account"):
        return StripeAccountState(text(data["id"]), bool(data["charges_enabled"]))


def webhook_urls() -> tuple[str, ...]:
    """Return the URLs that receive events, with and without a slash: first the one for Stripe, then the older one."""
    paths = [reverse("api-webhook"), reverse("legacy-webhook")]
    return tuple(f"{settings.SITE_URL}{path}{slash}" for path in paths for slash in ("", "/"))


def is_our_address(url: str) -> bool:
    """Return whether events sent there are received: at one of `webhook_urls`, or at dj-stripe's endpoint."""
    of_djstripe = f"{settings.SITE_URL}/{settings.DJSTRIPE_PREFIX}/webhook/"
    return url in webhook_urls() or bool(settings.DJSTRIPE_PREFIX and url.startswith(of_djstripe))


def list_endpoints() -> list[WebhookEndpoint]:
    """Return the account's webhook endpoints; Stripe allows sixteen. Raises `StripeUnavailable`, `StripeRefused`."""
    params = {"limit": LIST_PAGE}
    data = ask(lambda stripe: stripe.webhook_endpoints.list(params))
    return [_endpoint(each) for each in data["data"]]


def create_endpoint() -> WebhookEndpoint:
    """Create our endpoint. Raises `StripeUnavailable`, `StripeRefused`."""
    params = {
        "url": webhook_urls()[0],
        "api_version": settings.STRIPE_API_VERSION,
        "enabled_events": list(WANTED_EVENTS),
        "description": settings.SITE_NAME,
    }
    return _endpoint(ask(lambda stripe: stripe.webhook_endpoints.create(params)))


def _endpoint(data: Any) -> WebhookEndpoint:
    with reading("webhook endpoint"):
        return WebhookEndpoint(
            id=text(data["id"]),
            url=text(data["url"]),
            status=text(data["status"]),
            api_version=data["api_version"] or "",
            livemode=bool(data["livemode"]),
            events=[text(event) for event in data["enabled_events"]],
            secret=data.get("secret") or "",
        )
