"""Store disputes of payments."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.purchases.models.changes import notes_changes
from billing.purchases.models.payments import Payment
from billing.purchases.models.purchases import Purchase
from core.database.guards import never_deleted
from credits.ledger.models import Clawback


class Dispute(models.Model):
    """A dispute of a payment: an inquiry (``warning_…``), or a chargeback, which withdraws the money until decided.

    ``policy`` is for spent credits once it is lost. For the other fields and the `Clawback` see `Refund`.
    """

    class Status(models.TextChoices):
        """Stripe's statuses: https://docs.stripe.com/api/disputes/object#dispute_object-status."""

        WARNING_NEEDS_RESPONSE = "warning_needs_response", _("Inquiry: needs response")
        WARNING_UNDER_REVIEW = "warning_under_review", _("Inquiry: under review")
        WARNING_CLOSED = "warning_closed", _("Inquiry: closed")
        PREVENTED = "prevented", _("Prevented")
        NEEDS_RESPONSE = "needs_response", _("Needs response")
        UNDER_REVIEW = "under_review", _("Under review")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    # In these, the money is withdrawn.
    STANDING = (Status.NEEDS_RESPONSE, Status.UNDER_REVIEW, Status.LOST)
    NEEDING_ANSWER = (Status.WARNING_NEEDS_RESPONSE, Status.NEEDS_RESPONSE)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(
        Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="disputes"
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    counted_minor = models.BigIntegerField(_("converted amount in minor units"), null=True)
    counted_by = models.CharField(_("converted by"), max_length=255, blank=True, default="", db_default="")
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=30, choices=Status.choices)
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    due_by = models.DateTimeField(_("respond by"), null=True)
    policy = models.CharField(
        _("policy"), max_length=10, choices=Clawback.Policy.choices, default=Clawback.Policy.CAP
    )
    stripe_dispute_id = models.CharField(_("Stripe dispute"), max_length=255, unique=True)
    made_at = models.DateTimeField(_("opened in Stripe"))
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True)
    staff_told_at = models.DateTimeField(_("staff notified"), null=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_minor__gt=0) & (Q(counted_minor__isnull=True) | Q(counted_minor__gte=0)),
                name="dispute_amount_positive",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="dispute_newest"),
            models.Index(
                fields=["due_by"],
                condition=Q(status__in=["needs_response", "warning_needs_response"]),
                name="dispute_to_answer",
            ),
        ]
        triggers = [notes_changes("status counted_minor made_at", "made_at"), *never_deleted()]

    def __str__(self) -> str:
        return f"{self.amount} · {self.get_status_display()}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def is_inquiry(self) -> bool:
        return self.status.startswith("warning_")

    @property
    def purchase(self) -> Purchase:
        return self.payment.purchase

    @property
    def at(self) -> datetime:
        """Return when the dispute was opened at Stripe."""
        return self.made_at

    @property
    def is_withdrawn(self) -> bool:
        """Return whether the money is withdrawn, for now or for good."""
        return self.status in self.STANDING
