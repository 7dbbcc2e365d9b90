"""Define billing's errors, each with a stable code and an HTTP status."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _

from core.errors import DomainError


class BillingError(DomainError):
    """The base of billing's errors. ``passes_by_itself``: a retry may work later."""

    passes_by_itself: ClassVar[bool] = False

    @property
    def for_staff(self) -> str:
        """Return the message for staff and operators, who may know more than the buyer reading ``message``."""
        return str(self.message)


class TooManyPurchases(BillingError):
    """More purchases than PURCHASE_RATE allows one user, over pages and API together."""

    code = "throttled"
    status = 429


class UnknownPackage(BillingError):
    code = "unknown_package"
    status = 404


class AlreadyTaken(BillingError):
    """A once-per-buyer free package that was claimed before."""

    code = "already_taken"
    status = 409


class OfferChanged(BillingError):
    """The package differs from what the buyer was shown. ``offer`` in the params is the current one."""

    code = "offer_changed"
    status = 409

    @property
    def extensions(self) -> dict[str, Any]:
        return {"offer": self.params["offer"]}


class CodeRefused(BillingError):
    """A discount code that can't be used. ``discount_code`` in the params is the code."""

    status = 409


class CodeUnknown(CodeRefused):
    code = "code_unknown"


class CodeExpired(CodeRefused):
    code = "code_expired"


class CodeUsedUp(CodeRefused):
    code = "code_used_up"


class CodeNotForThis(CodeRefused):
    """The code is for other packages, another currency, or a first purchase, or doesn't combine with the sale."""

    code = "code_not_for_this"


class BundleRefused(BillingError):
    """These packages can't be bought together."""

    code = "bundle_refused"
    status = 409


class CodeMinimum(CodeRefused):
    """The price is below the code's minimum, or what is left of it is below Stripe's."""

    code = "code_minimum"


class ReferralsOff(BillingError):
    """No reward for referrals is set (REFERRAL_REWARD)."""

    code = "referrals_off"
    status = 404


class CustomAmountsNotSold(BillingError):
    """Buyers can't choose the amount in this currency."""

    code = "custom_amounts_not_sold"
    status = 404


class AmountRefused(BillingError):
    """An amount that can't be bought. ``minimum``, ``maximum`` and ``increment`` in the params are `Money`."""

    @property
    def extensions(self) -> dict[str, Any]:
        limits = {name: self.params[name] for name in ("minimum", "maximum", "increment")}
        return {name: float(limit.major) for name, limit in limits.items()} | {
            "currency": limits["minimum"].currency
        }


class AmountBelowMinimum(AmountRefused):
    code = "amount_below_minimum"


class AmountAboveMaximum(AmountRefused):
    code = "amount_above_maximum"


class AmountNotOnIncrement(AmountRefused):
    code = "amount_not_on_increment"


class ReturnUrlNotAllowed(BillingError):
    """A success or cancel URL outside the allowed hosts: redirecting there would be an open redirect."""

    code = "return_url_not_allowed"
    status = 400


class InvalidIdempotencyKey(BillingError):
    code = "invalid_idempotency_key"
    status = 400


class IdempotencyKeyReused(BillingError):
    """The key was used before with another request body."""

    code = "idempotency_key_reused"
    status = 422


class PurchaseInProgress(BillingError):
    """The first request with this key is still waiting for Stripe."""

    code = "purchase_in_progress"
    status = 409


class UnknownPaymentMethod(BillingError):
    code = "unknown_payment_method"
    status = 404


class MayNotManageBilling(BillingError):
    """Only the account's owner, or the team's owner and admins, may use and change its cards."""

    code = "may_not_manage_billing"
    status = 403


class ConsentMissing(BillingError):
    """Automatic top-up was asked for without the consent to be charged."""

    code = "consent_missing"
    status = 400


class InvalidLimit(BillingError):
    """The monthly limit is no amount of money, or too low for a single top-up."""

    code = "invalid_monthly_limit"
    status = 400


class NoPaymentMethod(BillingError):
    """No saved card was named to charge, and there is none to charge by default."""

    code = "no_payment_method"
    status = 409


class UnknownPlan(BillingError):
    """No plan on sale has this code, or it isn't synced to Stripe yet."""

    code = "unknown_plan"
    status = 404


class AlreadySubscribed(BillingError):
    """The account has a subscription, whose plan can be changed."""

    code = "already_subscribed"
    status = 409


class UnknownSubscription(BillingError):
    code = "unknown_subscription"
    status = 404


class SubscriptionFixed(BillingError):
    """The subscription can't be changed like this; the message says why."""

    code = "subscription_not_changeable"
    status = 409


class NoTerms(BillingError):
    """An invoice was paid at a price that no plan has: staff must say what it grants."""

    code = "no_terms"
    status = 409


class NoConsent(BillingError):
    """The card was saved without its owner's consent to charge it."""

    code = "no_consent"
    status = 409


class TaxNeedsCheckout(BillingError):
    """A saved card was to be charged, but tax is calculated at the checkout. It is never charged untaxed."""

    code = "tax_needs_checkout"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _(
                "Tax is calculated at the checkout, so no saved card is charged without it. "
                "Please use the checkout."
            )
        )


class SessionNotFound(BillingError):
    code = "unknown_session"
    status = 404


class SessionOfAnother(BillingError):
    """Another user's checkout: distinguished from an unknown one only where the older client relies on it."""

    code = "session_of_another"
    status = 403


class NoReceipt(BillingError):
    """Nothing was paid, or Stripe's invoice isn't available yet."""

    code = "no_receipt"
    status = 404


class NotRefundable(BillingError):
    """The amount can't be refunded; the message says what can."""

    code = "not_refundable"
    status = 409


class CreditsWereSpent(BillingError):
    """Policy ``block``: the refund would claw back spent credits. ``missing`` says how many."""

    code = "credits_were_spent"
    status = 409


class NotRepairable(BillingError):
    """The reconciliation issue can't be repaired here, or already was."""

    code = "not_repairable"
    status = 409


class ReconciliationBusy(BillingError):
    """Another process is working on this run, or died doing so minutes ago."""

    code = "reconciliation_busy"
    status = 409
    passes_by_itself = True


class NothingToGoOnWith(BillingError):
    """The run is finished, or no stopped run exists."""

    code = "nothing_to_go_on_with"
    status = 409


class RefundAboveLimit(BillingError):
    """More than this member of staff may refund within 24 hours. ``left`` in the params is in the currency's main unit,
    ``more_at`` is when it grows (None: nothing was refunded yet).
    """

    code = "refund_above_limit"
    status = 403

    @property
    def extensions(self) -> dict[str, Any]:
        more_at = self.params["more_at"]
        return {"left": str(self.params["left"]), "more_at": more_at.isoformat() if more_at else None}


class OwnPurchase(BillingError):
    """Staff can't refund purchases that they made, or that brought credits to them or their team."""

    code = "own_purchase"
    status = 403


class InvalidRefund(BillingError):
    """An invalid amount, or no reason."""

    code = "invalid_refund"
    status = 400


class PaymentOfAnother(BillingError):
    """Stripe reports one payment for two purchases."""

    code = "payment_of_another"
    status = 409


class NothingOwed(BillingError):
    """The purchase can't be closed: it is credited, or one of its payments is still to be refunded."""

    code = "nothing_owed"
    status = 409


class CannotAdopt(BillingError):
    """A package's Stripe ids don't fit the objects at Stripe; the message says which and why."""

    code = "cannot_adopt"
    status = 409


class ProductNameTaken(BillingError):
    """Stripe has a product of the package's name, and staff haven't decided whether to adopt it."""

    code = "product_name_taken"
    status = 409


class CatalogError(BillingError):
    """A catalogue file that can't be loaded; the message names the line and the reason."""

    code = "catalog_invalid"
    status = 400
