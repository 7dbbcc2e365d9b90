"""Money that goes back to a buyer."""

from __future__ import annotations

import uuid

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.models.changes import notes_changes
from billing.models.purchases import Purchase
from billing.money import Money
from config.guards import never_deleted
from credits.models.fields import AmountField


class Refund(models.Model):
    """One refund of a purchase's payment, asked for here or made at Stripe.

    Written before Stripe is called, and the call's idempotency key is made of ``id``: so a refund that was asked for is
    never lost, and two equal ones are two. ``credits_asked`` is this refund's share of the purchase's credits,
    ``credits_taken`` what was really taken and ``credits_owed`` what became debt, when it was booked; all nothing for a
    payment that was not credited. ``purchase`` is empty for a payment that no purchase is known to have (yet).
    """

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        PENDING = "pending", _("Pending")
        REQUIRES_ACTION = "requires_action", _("Waits for the buyer")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")
        CANCELED = "canceled", _("Canceled")

    class Reason(models.TextChoices):
        """Stripe's own: https://docs.stripe.com/api/refunds/create#create_refund-reason."""

        REQUESTED_BY_CUSTOMER = "requested_by_customer", _("Requested by the customer")
        DUPLICATE = "duplicate", _("Duplicate")
        FRAUDULENT = "fraudulent", _("Fraudulent")
        OTHER = "", _("Other")

    class Policy(models.TextChoices):
        CAP = "cap", _("Take back only what is left")
        DEBT = "debt", _("Let the buyer owe what was spent")
        BLOCK = "block", _("Refuse where credits were spent")

    class Origin(models.TextChoices):
        ADMIN = "admin", _("back office")
        API = "api", _("API")
        STRIPE = "stripe", _("Stripe")

    # What holds money back from the seller, or may. The others moved nothing, or it came back.
    STANDING = (Status.REQUESTED, Status.PENDING, Status.REQUIRES_ACTION, Status.SUCCEEDED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, null=True, related_name="refunds"
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.REQUESTED)
    reason = models.CharField(_("reason"), max_length=30, choices=Reason.choices, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    policy = models.CharField(_("policy"), max_length=10, choices=Policy.choices)
    origin = models.CharField(_("made in"), max_length=10, choices=Origin.choices)
    # No foreign key, as in a purchase's events: erasing a person must not need an update here.
    asked_by = models.UUIDField(_("staff member"), null=True)
    idempotency_key = models.CharField(_("idempotency key"), max_length=255, null=True)
    failure_reason = models.CharField(_("failure"), max_length=100, blank=True)

    credits_asked = AmountField(_("credits asked back"), default=0, db_default=0)
    credits_taken = AmountField(_("credits taken back"), default=0, db_default=0)
    credits_owed = AmountField(_("credits owed"), default=0, db_default=0)

    stripe_refund_id = models.CharField(_("Stripe refund"), max_length=255, unique=True, null=True)
    stripe_payment_intent_id = models.CharField(_("Stripe payment"), max_length=255, db_index=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    settled_at = models.DateTimeField(_("settled"), null=True)
    mailed_at = models.DateTimeField(_("mail sent"), null=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        permissions = [
            ("refund_purchase", _("Can refund a purchase")),
            ("refund_any_amount", _("Can refund any amount")),
        ]
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_refund_amount_positive"),
            models.CheckConstraint(
                condition=Q(status="requested") | Q(stripe_refund_id__isnull=False) | Q(status="failed"),
                name="billing_refund_known_at_stripe",
            ),
            models.UniqueConstraint(
                fields=["purchase", "idempotency_key"], name="billing_refund_one_per_idempotency_key"
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="billing_refund_newest"),
            models.Index(
                fields=["created_at"], condition=Q(status="requested"), name="billing_refund_unanswered"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="keeps_what_it_came_as", fields=["amount_minor", "currency", "created_at"]
            ),
            notes_changes("status purchase_id", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{self.amount} · {self.get_status_display()}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def is_of_credited_payment(self) -> bool:
        """Whether it gives back what its purchase was credited for, and not a payment that was held back or second."""
        purchase = self.purchase
        return (
            purchase is not None
            and purchase.is_credited
            and self.stripe_payment_intent_id == purchase.stripe_payment_intent_id
        )
