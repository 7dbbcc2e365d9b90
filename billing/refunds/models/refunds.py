"""Store refunds."""

from __future__ import annotations

import uuid
from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.purchases.models.changes import notes_changes
from billing.purchases.models.payments import Payment
from billing.purchases.models.purchases import Purchase
from core.database.guards import UNLESS_SELF_SERVICE, never_deleted

REFUSE_OWN_PURCHASE = f"""
    IF {UNLESS_SELF_SERVICE} AND EXISTS (
        SELECT FROM purchases_payment y JOIN purchases_purchase p ON p.id = y.purchase_id
        JOIN credits_account a ON a.id = p.account_id
        LEFT JOIN teams_membership m ON m.team_id = a.team_id AND m.user_id = NEW.asked_by
        WHERE y.id = NEW.payment_id AND (NEW.asked_by IN (p.user_id, a.owner_id) OR m.user_id IS NOT NULL)
    ) THEN
        RAISE check_violation USING
            CONSTRAINT = 'refund_not_of_ones_own_purchase', TABLE = 'refunds_refund',
            MESSAGE = format('refund %s: %s is of the purchase''s people', NEW.id, NEW.asked_by);
    END IF;
    RETURN NULL;
"""


class Refund(models.Model):
    """A refund of a payment, requested here or made at Stripe.

    The row precedes the call to Stripe and its ``id`` is the idempotency key, so no request is lost, and two equal ones
    are two refunds. ``counted_minor`` is the amount in the payment's currency; null: Stripe named another currency and
    no rate, and staff must enter it. If the currencies differ, ``counted_by`` is Stripe's balance transaction, or
    "staff". ``made_at`` is Stripe's time, ``created_at`` ours. The `Clawback` with the same id records the credits.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        PENDING = "pending", _("Pending")
        REQUIRES_ACTION = "requires_action", _("Waiting for the buyer")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Canceled")

    class Reason(models.TextChoices):
        """Stripe's reasons: https://docs.stripe.com/api/refunds/create#create_refund-reason."""

        REQUESTED_BY_CUSTOMER = "requested_by_customer", _("Requested by the customer")
        DUPLICATE = "duplicate", _("Duplicate")
        FRAUDULENT = "fraudulent", _("Fraudulent")
        OTHER = "", _("Other")

    class Policy(models.TextChoices):
        CAP = "cap", _("Write off: remove only unspent credits")
        DEBT = "debt", _("Bill: leave spent credits as debt")
        BLOCK = "block", _("Block: refuse if credits were spent")

    class Origin(models.TextChoices):
        ADMIN = "admin", _("admin")
        API = "api", _("API")
        STRIPE = "stripe", _("Stripe")

    # Stripe's message after a refusal, not stored, as stored texts are shown to buyers.
    refusal = ""
    # In effect: the seller is, or may be, without the money. In the others none moved, or it was restored.
    STANDING = (Status.REQUESTED, Status.PENDING, Status.REQUIRES_ACTION, Status.SUCCEEDED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(
        Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="refunds"
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    counted_minor = models.BigIntegerField(_("converted amount in minor units"), null=True)
    counted_by = models.CharField(_("converted by"), max_length=255, blank=True, default="", db_default="")
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.REQUESTED)
    reason = models.CharField(_("reason"), max_length=30, choices=Reason.choices, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    policy = models.CharField(_("policy"), max_length=10, choices=Policy.choices)
    origin = models.CharField(_("origin"), max_length=10, choices=Origin.choices)
    # No foreign key, as in purchase events: erasing a user must not need an update here.
    asked_by = models.UUIDField(_("staff member"), null=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, null=True)
    failure_reason = models.CharField(_("failure"), max_length=100, blank=True)

    stripe_refund_id = models.CharField(_("Stripe refund"), max_length=255, unique=True, null=True)
    made_at = models.DateTimeField(_("created in Stripe"), null=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    settled_at = models.DateTimeField(_("finished"), null=True)
    mailed_at = models.DateTimeField(_("email sent"), null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        permissions = [
            ("refund_purchase", _("Can refund a purchase")),
            ("refund_any_amount", _("Can refund any amount")),
        ]
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0) & (Q(counted_minor__isnull=True) | Q(counted_minor__gte=0)),
                name="refund_amount_positive",
            ),
            models.CheckConstraint(
                condition=Q(status="requested") | Q(stripe_refund_id__isnull=False) | Q(status="failed"),
                name="refund_known_at_stripe",
            ),
            models.UniqueConstraint(
                fields=["payment", "idempotency_key"], name="refund_one_per_idempotency_key"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="refund_newest"),
            models.Index(fields=["created_at"], condition=Q(status="requested"), name="refund_unanswered"),
            # Recent refunds of a member of staff.
            models.Index(
                fields=["asked_by", "created_at"],
                condition=Q(asked_by__isnull=False),
                name="refund_of_staff",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="keeps_what_it_came_as", fields=["amount_minor", "currency", "created_at"]
            ),
            pgtrigger.Trigger(
                name="is_not_of_ones_own_purchase",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__asked_by__isnull=False),
                func=REFUSE_OWN_PURCHASE,
            ),
            notes_changes("status counted_minor made_at", "created_at", "made_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.amount} · {self.get_status_display()}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def purchase(self) -> Purchase:
        return self.payment.purchase

    @property
    def at(self) -> datetime:
        """Return Stripe's time of the refund, or ours until it is known."""
        return self.made_at or self.created_at

    @property
    def is_of_accepted_payment(self) -> bool:
        """Return whether it refunds the accepted payment, not an uncredited one."""
        return self.payment.is_accepted
