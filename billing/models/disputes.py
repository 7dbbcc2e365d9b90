"""Payments that the buyer's bank questions or takes back."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.models.changes import notes_changes
from billing.models.purchases import Purchase
from billing.money import Money
from config.guards import never_deleted
from credits.models.fields import AmountField


class Dispute(models.Model):
    """One dispute as Stripe tells of it: an inquiry (``warning_…``), or a chargeback, which takes the money away until
    the bank has decided. ``purchase`` is empty for a payment that no purchase is known to have (yet).
    """

    class Status(models.TextChoices):
        """Stripe's own: https://docs.stripe.com/api/disputes/object#dispute_object-status."""

        WARNING_NEEDS_RESPONSE = "warning_needs_response", _("Inquiry: needs an answer")
        WARNING_UNDER_REVIEW = "warning_under_review", _("Inquiry: under review")
        WARNING_CLOSED = "warning_closed", _("Inquiry: closed")
        PREVENTED = "prevented", _("Prevented")
        NEEDS_RESPONSE = "needs_response", _("Needs an answer")
        UNDER_REVIEW = "under_review", _("Under review")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    # While these last, the money is the buyer's.
    STANDING = (Status.NEEDS_RESPONSE, Status.UNDER_REVIEW, Status.LOST)
    NEEDING_ANSWER = (Status.WARNING_NEEDS_RESPONSE, Status.NEEDS_RESPONSE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, null=True, related_name="disputes"
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=30, choices=Status.choices)
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    due_by = models.DateTimeField(_("answer until"), null=True)
    credits_asked = AmountField(_("credits asked back"), default=0, db_default=0)
    credits_taken = AmountField(_("credits taken back"), default=0, db_default=0)
    credits_owed = AmountField(_("credits owed"), default=0, db_default=0)
    stripe_dispute_id = models.CharField(_("Stripe dispute"), max_length=255, unique=True)
    stripe_charge_id = models.CharField(_("Stripe charge"), max_length=255)
    stripe_payment_intent_id = models.CharField(_("Stripe payment"), max_length=255, db_index=True)
    created_at = models.DateTimeField(_("opened"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True)
    staff_told_at = models.DateTimeField(_("staff told"), null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_dispute_amount_positive"),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="billing_dispute_newest"),
            models.Index(
                fields=["due_by"],
                condition=Q(status__in=["needs_response", "warning_needs_response"]),
                name="billing_dispute_to_answer",
            ),
        ]
        triggers = [notes_changes("status purchase_id", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return f"{self.amount} · {self.get_status_display()}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def is_inquiry(self) -> bool:
        return self.status.startswith("warning_")
