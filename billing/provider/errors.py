"""Define what calls to the payment provider, and its deliveries, raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.errors import BillingError


class StripeUnavailable(BillingError):
    """Stripe gave no answer or had a server error. A later retry may work."""

    code = "stripe_unavailable"
    status = 502
    passes_by_itself = True


class StripeBusy(StripeUnavailable):
    """Stripe wasn't called: the allowed number of web threads is already waiting for it."""

    code = "stripe_busy"
    status = 503
    RETRY_AFTER_S = 2


class StripeCallUnderWay(StripeUnavailable):
    """Another process is making the same call, under the same idempotency key; its answer is on the way."""


class StripeRefused(BillingError):
    """Stripe understood the call and refused it; a retry won't help. ``stripe_code``, ``stripe_message``,
    ``stripe_param`` and ``request_id`` in the params are Stripe's.
    """

    code = "stripe_refused"
    status = 502

    @property
    def for_staff(self) -> str:
        said = str(self.params.get("stripe_message", "")).rstrip(".")
        named = {"parameter": self.params.get("stripe_param"), "request": self.params.get("request_id")}
        where = ", ".join(f"{name} {value}" for name, value in named.items() if value)
        return f"Stripe refused the request{said and f': {said}'}{where and f' ({where})'}."


class EmailRefused(StripeRefused):
    """Stripe rejects the customer's email address. It would accept the same customer without one."""


class CardDeclined(StripeRefused):
    """A bank declined a charge. ``payment_intent`` is the payment as Stripe describes it."""

    payment_intent: Mapping[str, Any] | None = None


class CustomerNotFound(StripeRefused):
    """Stripe has no such customer any more: somebody deleted it there. Another one can be made."""


class NotFoundAtStripe(StripeRefused):
    """Stripe has no object of this id."""

    @property
    def for_staff(self) -> str:
        return str(self.message)


class PaymentNotFound(NotFoundAtStripe):
    """Stripe has no such payment."""


class SubscriptionNotFound(NotFoundAtStripe):
    """Stripe has no such subscription."""


class InvoiceNotFound(NotFoundAtStripe):
    """Stripe has no such invoice."""


class PortalNotSetUp(StripeRefused):
    """Stripe's customer portal has no configuration: `manage.py set_up_portal` makes one."""

    @property
    def for_staff(self) -> str:
        return "The customer portal isn't set up. Run manage.py set_up_portal."


class PaymentDeclined(BillingError):
    """The bank declined, or wants its customer to confirm. Nothing was changed."""

    code = "payment_declined"
    status = 402


class WrongStripeAccount(BillingError):
    """The Stripe key belongs to another account or mode than our data."""

    code = "wrong_stripe_account"
    status = 503


class MalformedStripeObject(BillingError):
    """A Stripe object without a required field: kept in the inbox for staff. Redelivery won't help."""

    code = "malformed_stripe_object"
    status = 500


class WebhookRefused(BillingError):
    """A delivery that isn't provably from Stripe, or isn't an event. Nothing is stored."""

    code = "webhook_refused"
    status = 400


class UnlistedSender(WebhookRefused):
    """A delivery from an address that isn't on the provider's list. Its signature wasn't looked at."""

    code = "webhook_address_unlisted"
    status = 403


class UnreadableEvent(BillingError):
    """A delivery from Stripe that is no readable event: kept for staff as ``payload`` under ``key``."""

    code = "unreadable_event"
    status = 200


class WebhookTooLarge(WebhookRefused):
    code = "webhook_too_large"
    status = 413
