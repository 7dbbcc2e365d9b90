"""Store for whom packages were bought as a gift, and what was mailed to them."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.purchases.models import Purchase
from core.database.guards import keeps, never_deleted
from credits.redemption.models import EscrowCode

LONGEST_EMAIL = 254
LONGEST_MESSAGE = 300
LONGEST_NAME = 100


class GiftOrder(models.Model):
    """A purchase whose credits are for somebody else: they wait in an account of nobody's, the purchase's, for a code.

    ``code`` is the latest, made when it was mailed or shown to the buyer. An empty ``recipient_email`` was erased.
    ``deferred_at``: the job was last asked to send the email.
    """

    class State(models.TextChoices):
        UNPAID = "unpaid", _("Not paid")
        SCHEDULED = "scheduled", _("Scheduled")
        SENT = "sent", _("Sent")
        SHOWN = "shown", _("Handed over by the buyer")
        FAILED = "failed", _("Email failed")
        FROZEN = "frozen", _("Disputed")
        REFUNDED = "refunded", _("Refunded")
        REDEEMED = "redeemed", _("Redeemed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purchase = models.OneToOneField(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="gift"
    )
    recipient_email = models.CharField(_("recipient’s email"), max_length=LONGEST_EMAIL, blank=True)
    recipient_name = models.CharField(_("recipient’s name"), max_length=LONGEST_NAME, blank=True, default="")
    message = models.CharField(_("message"), max_length=LONGEST_MESSAGE, blank=True, default="")
    send_at = models.DateTimeField(_("to be sent"))
    code = models.OneToOneField(
        EscrowCode, verbose_name=_("code"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    deferred_at = models.DateTimeField(_("email deferred"), null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    shown_at = models.DateTimeField(_("shown to the buyer"), null=True)
    failed_at = models.DateTimeField(_("email failed"), null=True)
    created_at = models.DateTimeField(_("ordered"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("gift order")
        verbose_name_plural = _("gift orders")
        default_permissions = ("view",)
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_at=None) | Q(code__isnull=False, failed_at=None),
                name="gift_order_sent_has_a_code",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="gift_order_newest"),
            models.Index(
                fields=["send_at"], condition=Q(sent_at=None, shown_at=None), name="gift_order_to_send"
            ),
        ]
        triggers = [keeps("purchase_id", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return str(self.purchase)

    @property
    def state(self) -> GiftOrder.State:
        """Return how far the gift has come. Reads its purchase and its code."""
        account = self.purchase.account
        if self.code is not None and self.code.redeemed_at is not None and account.balance <= account.held:
            return self.State.REDEEMED
        if not self.purchase.is_credited:
            return self.State.UNPAID
        if self.purchase.status == Purchase.Status.REFUNDED:
            return self.State.REFUNDED
        if self.purchase.status == Purchase.Status.DISPUTED:
            return self.State.FROZEN
        marks = (
            (self.shown_at, self.State.SHOWN),
            (self.sent_at, self.State.SENT),
            (self.failed_at, self.State.FAILED),
        )
        return next((state for at, state in marks if at), self.State.SCHEDULED)

    @property
    def is_open(self) -> bool:
        """Return whether its credits still wait to be redeemed, so that the buyer can send it again."""
        waits = (self.State.SCHEDULED, self.State.SENT, self.State.SHOWN, self.State.FAILED)
        return self.state in waits

    @property
    def due_at(self) -> datetime:
        """Return when it is sent at the earliest: not before a stolen card may be noticed, as with other gifts."""
        paid_at = self.purchase.completed_at
        return max(self.send_at, paid_at + settings.GIFT_AFTER) if paid_at else self.send_at
