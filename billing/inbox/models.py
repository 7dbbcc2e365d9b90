"""Store every verified webhook event from Stripe, until it is durably applied and after."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.purchases.models.purchases import Purchase


class InboxEvent(models.Model):
    """A Stripe event, under Stripe's id.

    It commits together with its effect. One that couldn't be applied is ``failed``: Stripe redelivers it, and staff can
    reprocess it. Redelivery can't help an ``unreadable`` one. One about an unknown payment is ``unmatched``: it is
    applied once the payment is known, and after some hours becomes ``not_ours``. ``payment_ref`` is its payment intent,
    else its charge.
    """

    class Status(models.TextChoices):
        RECEIVED = "received", _("Pending")
        APPLIED = "applied", _("Processed")
        STORED = "stored", _("No action needed")
        UNMATCHED = "unmatched", _("Waiting for payment")
        NOT_OURS = "not_ours", _("Not ours")
        IGNORED = "ignored", _("Ignored")
        UNREADABLE = "unreadable", _("Unreadable")
        FAILED = "failed", _("Failed")

    DONE = (Status.APPLIED, Status.STORED, Status.NOT_OURS, Status.IGNORED)
    FAILING = (Status.FAILED, Status.UNREADABLE)
    NOT_APPLIED = (Status.RECEIVED, *FAILING)

    id = models.CharField(_("event"), max_length=255, primary_key=True)
    type = models.CharField(_("type"), max_length=100)
    api_version = models.CharField(_("API version"), max_length=50, blank=True)
    livemode = models.BooleanField(_("live"), default=False)
    account = models.CharField(_("account"), max_length=255, blank=True, default="", db_default="")
    payment_ref = models.CharField(_("payment"), max_length=255, blank=True, default="", db_default="")
    payload = models.JSONField(_("payload"))
    stripe_created = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"), db_default=Now(), editable=False)
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=Status.choices,
        default=Status.RECEIVED,
        db_default=Status.RECEIVED,
    )
    note = models.CharField(_("note"), max_length=300, blank=True, db_default="")
    attempts = models.PositiveIntegerField(_("attempts"), default=1, db_default=1)
    applied_at = models.DateTimeField(_("processed"), null=True)
    purchase = models.ForeignKey(
        Purchase,
        verbose_name=_("purchase"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="inbox_events",
    )
    mirrored_at = models.DateTimeField(_("mirrored"), null=True)

    class Meta:
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        permissions = [
            ("reapply_event", _("Can reprocess events")),
            ("view_personal_data", _("Can see personal data from Stripe")),
        ]
        ordering = ["-received_at", "-id"]
        indexes = [
            # These two cover what the figures count, so that counting reads no payloads.
            models.Index(fields=["-received_at", "-id"], include=["status"], name="inbox_in_time"),
            models.Index(
                fields=["-received_at", "-id"],
                include=["status", "type"],
                condition=Q(status__in=["received", "failed", "unreadable"]),
                name="inbox_not_applied",
            ),
            models.Index(fields=["type", "-received_at"], name="inbox_by_type"),
            models.Index(
                fields=["payment_ref"],
                condition=Q(status__in=["unmatched", "not_ours"]),
                name="inbox_unmatched",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"
