"""What billing refuses, each with a stable code and the HTTP status it is answered with."""

from __future__ import annotations

from typing import Any, ClassVar

from core.errors import DomainError


class BillingError(DomainError):
    """The base of every refusal of billing. ``passes_by_itself``: the same again may work later."""

    passes_by_itself: ClassVar[bool] = False

    @property
    def for_staff(self) -> str:
        """What staff and operators are told: they may know more than the buyer, whom ``message`` is for."""
        return str(self.message)


class TooManyPurchases(BillingError):
    """More purchases than PURCHASE_RATE allows one person, whether by the page or the API."""

    code = "throttled"
    status = 429

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.params["retry_after"])}


class UnknownPackage(BillingError):
    code = "unknown_package"
    status = 404


class AlreadyTaken(BillingError):
    """A free pack that a buyer can have once, and has."""

    code = "already_taken"
    status = 409


class OfferChanged(BillingError):
    """The package isn't what its buyer was shown. ``offer`` in the params says what it is now."""

    code = "offer_changed"
    status = 409

    @property
    def extensions(self) -> dict[str, Any]:
        return {"offer": self.params["offer"]}


class ReturnUrlNotAllowed(BillingError):
    """A success or cancel address outside the allowed hosts: sending buyers there would be an open redirect."""

    code = "return_url_not_allowed"
    status = 400


class InvalidIdempotencyKey(BillingError):
    code = "invalid_idempotency_key"
    status = 400


class IdempotencyKeyReused(BillingError):
    """The key was sent before with another request body."""

    code = "idempotency_key_reused"
    status = 422


class PurchaseInProgress(BillingError):
    """The first request with this key is still waiting for Stripe."""

    code = "purchase_in_progress"
    status = 409


class StripeUnavailable(BillingError):
    """Stripe did not answer, or answered with an error of its own. Trying again later may work."""

    code = "stripe_unavailable"
    status = 502
    passes_by_itself = True


class StripeBusy(StripeUnavailable):
    """Stripe wasn't asked: as many of the web's threads as may wait for it do so already."""

    code = "stripe_busy"
    status = 503
    RETRY_AFTER_S = 2

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.RETRY_AFTER_S)}


class StripeRefused(BillingError):
    """Stripe understood the call and refused it. Trying the same again will not work.

    ``stripe_code``, ``stripe_message``, ``stripe_param`` and ``request_id`` in the params are Stripe's own words.
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
    """Stripe takes the buyer's address for none. It would open the same checkout without one."""


class SessionNotFound(BillingError):
    code = "unknown_session"
    status = 404


class SessionOfAnother(BillingError):
    """Somebody else's checkout: told apart from none at all only where the older client was promised that."""

    code = "session_of_another"
    status = 403


class NoReceipt(BillingError):
    """Nothing was paid, so there is nothing to give a receipt for; or Stripe's invoice isn't there yet."""

    code = "no_receipt"
    status = 404


class NotRefundable(BillingError):
    """This much can't be refunded; the message says what can."""

    code = "not_refundable"
    status = 409


class CreditsWereSpent(BillingError):
    """The policy ``block``: the refund would take back credits that are gone. ``missing`` says how many."""

    code = "credits_were_spent"
    status = 409


class NotRepairable(BillingError):
    """Nothing here can settle this finding of reconciliation, or somebody has."""

    code = "not_repairable"
    status = 409


class ReconciliationBusy(BillingError):
    """Another process works on this run, or had it until minutes ago and died."""

    code = "reconciliation_busy"
    status = 409
    passes_by_itself = True


class NothingToGoOnWith(BillingError):
    """The run is done, or there is none that stopped."""

    code = "nothing_to_go_on_with"
    status = 409


class RefundAboveLimit(BillingError):
    """More than this member of staff may refund within 24 hours. ``left`` in the params says how much still can be, in
    the currency's main unit, and ``more_at`` when more will be left; None: nothing was refunded yet.
    """

    code = "refund_above_limit"
    status = 403

    @property
    def extensions(self) -> dict[str, Any]:
        more_at = self.params["more_at"]
        return {"left": str(self.params["left"]), "more_at": more_at.isoformat() if more_at else None}


class OwnPurchase(BillingError):
    """A member of staff can't refund what they bought, or what brought credits to them or to a team of theirs."""

    code = "own_purchase"
    status = 403


class InvalidRefund(BillingError):
    """An amount that can't be one, or no reason."""

    code = "invalid_refund"
    status = 400


class PaymentOfAnother(BillingError):
    """Stripe reports one payment for two purchases."""

    code = "payment_of_another"
    status = 409


class NothingOwed(BillingError):
    """The purchase has nothing to close: it is credited, or a payment of it is still to be refunded."""

    code = "nothing_owed"
    status = 409


class WrongStripeAccount(BillingError):
    """The key belongs to another Stripe account or mode than the data here."""

    code = "wrong_stripe_account"
    status = 503


class MalformedStripeObject(BillingError):
    """An object of Stripe's without a field that we need: kept in the inbox for staff. Sending it again won't help."""

    code = "malformed_stripe_object"
    status = 500


class WebhookRefused(BillingError):
    """A delivery that is not provably Stripe's, or no event at all. Nothing is stored."""

    code = "webhook_refused"
    status = 400


class UnreadableEvent(BillingError):
    """A delivery that is Stripe's, and no event that could be read: kept as ``payload`` under ``key``, for staff."""

    code = "unreadable_event"
    status = 200


class WebhookTooLarge(WebhookRefused):
    code = "webhook_too_large"
    status = 413


class CannotAdopt(BillingError):
    """The ids given for a package don't fit what Stripe has; the message says which and why."""

    code = "cannot_adopt"
    status = 409


class ProductNameTaken(BillingError):
    """Stripe has a product of the package's name that nobody has said to take over, or not to."""

    code = "product_name_taken"
    status = 409


class CatalogError(BillingError):
    """A catalogue file that can't be loaded; the message names the line and the reason."""

    code = "catalog_invalid"
    status = 400
