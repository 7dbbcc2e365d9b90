"""Store who agreed to reminders of unfinished checkouts, and each reminder."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.purchases.models import Purchase
from core.database.guards import keeps, never_deleted


class ReminderConsent(models.Model):
    """A user's agreement to reminders, in the words that they saw, until they withdraw it."""

    class Withdrawn(models.TextChoices):
        PAGE = "page", _("in the shop")
        MAIL = "mail", _("by the link in an email")
        ERASURE = "erasure", _("with the user’s erasure")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), on_delete=models.PROTECT, related_name="+"
    )
    wording = models.TextField(_("wording"))
    agreed_at = models.DateTimeField(_("agreed"), db_default=Now(), editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True)
    withdrawn_by = models.CharField(
        _("how it was withdrawn"), max_length=10, choices=Withdrawn.choices, blank=True, default=""
    )

    class Meta:
        verbose_name = _("consent to reminders")
        verbose_name_plural = _("consents to reminders")
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(withdrawn_at=None), name="reminder_consent_one_in_force"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by="")
                | Q(withdrawn_at__isnull=False) & ~Q(withdrawn_by=""),
                name="reminder_consent_says_how_it_ended",
            ),
        ]
        triggers = [keeps("user_id", "wording", "agreed_at"), *never_deleted()]

    def __str__(self) -> str:
        return self.wording


class Reminder(models.Model):
    """The reminder of one expired checkout. Whoever has its id can stop all reminders to its buyer: it is only in the
    email. ``resumed_as`` is the latest purchase that was begun from its link.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        SKIPPED = "skipped", _("Skipped")

    class Reason(models.TextChoices):
        OFF = "off", _("reminders are switched off")
        BUYER_GONE = "buyer_gone", _("the buyer can’t be emailed any more")
        NO_CONSENT = "no_consent", _("the consent was withdrawn")
        NOT_EXPIRED = "not_expired", _("it was paid after all")
        DISMISSED = "dismissed", _("the buyer dismissed the checkout")
        LEFT_TEAM = "left_team", _("the buyer left the team")
        BOUGHT = "bought", _("it was bought meanwhile, or another checkout is open")
        REMINDED = "reminded", _("the buyer was reminded a few days before")
        CHANGED = "changed", _("the offer has changed, or its code can’t be used any more")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purchase = models.OneToOneField(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="reminder"
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices, blank=True, default="")
    sent_at = models.DateTimeField(_("sent"), null=True)
    resumed_as = models.ForeignKey(
        Purchase,
        verbose_name=_("resumed as"),
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("checkout reminder")
        verbose_name_plural = _("checkout reminders")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | ~Q(state="sent") & Q(sent_at=None),
                name="reminder_sent_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(state="skipped") & ~Q(reason="") | ~Q(state="skipped") & Q(reason=""),
                name="reminder_skipped_has_its_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["sent_at"], condition=Q(sent_at__isnull=False), name="reminder_sent"),
        ]
        triggers = [keeps("purchase_id", "created_at"), *never_deleted()]

    def __str__(self) -> str:
        return self.get_state_display()
