"""Store the events of purchases."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.purchases.models.purchases import Purchase
from core.database.guards import append_only


class PurchaseEvent(models.Model):
    """An event of a purchase, with or without a change of status. Appended under the purchase's row lock."""

    class Source(models.TextChoices):
        PAGE = "page", _("purchase page")
        API = "api", _("API")
        WEBHOOK = "webhook", _("webhook")
        SUCCESS_PAGE = "success_page", _("success page")
        SWEEPER = "sweeper", _("sweeper")
        JOB = "job", _("background job")
        RECONCILIATION = "reconciliation", _("reconciliation")
        STAFF = "staff", _("staff")

    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="events"
    )
    what = models.CharField(_("event"), max_length=40)
    from_status = models.CharField(_("from"), max_length=20, blank=True)
    to_status = models.CharField(_("to"), max_length=20)
    source = models.CharField(_("source"), max_length=20, choices=Source.choices)
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    # No foreign keys: in an append-only table, erasing a user or deleting an old event must not need an update.
    stripe_event_id = models.CharField(_("Stripe event"), max_length=255, blank=True)
    actor_id = models.UUIDField(_("staff member"), null=True)
    created_at = models.DateTimeField(_("at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("purchase event")
        verbose_name_plural = _("purchase events")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["what", "-id"], name="purchaseevent_by_what"),
            models.Index(fields=["source", "-id"], name="purchaseevent_by_told"),
            models.Index(
                fields=["stripe_event_id"],
                condition=~Q(stripe_event_id=""),
                name="purchaseevent_of_event",
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.what
