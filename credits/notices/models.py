"""Store users' notice settings, and which notices were sent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField
from credits.ledger.models.lots import Lot


class BalanceAlert(models.Model):
    """The setting to notify an account's users when less than ``threshold`` is available; off without a threshold.

    ``below`` is the state at the last check, ``crossed_at`` when it began. ``mailed_at`` is when the last email was
    handed to its recipients' jobs; ``mail_due`` means a crossing waits for its own, as there is at most one a day.
    Removing the threshold keeps the row, so that setting it again doesn't allow a second email that day.
    """

    account = models.OneToOneField(
        Account, verbose_name=_("account"), on_delete=models.CASCADE, related_name="balance_alert"
    )
    threshold = AmountField(_("threshold"), null=True, blank=True)
    below = models.BooleanField(_("below"), default=False, db_default=False)
    crossed_at = models.DateTimeField(_("crossed"), null=True, editable=False)
    mail_due = models.BooleanField(_("email due"), default=False, db_default=False, editable=False)
    mailed_at = models.DateTimeField(_("email sent"), null=True, editable=False)

    class Meta:
        verbose_name = _("low-balance notice")
        verbose_name_plural = _("low-balance notices")
        constraints = [
            models.CheckConstraint(condition=Q(threshold__gt=0), name="credits_alert_threshold_positive"),
            models.CheckConstraint(
                condition=Q(below=False) | Q(crossed_at__isnull=False), name="credits_alert_below_since"
            ),
            models.CheckConstraint(
                condition=Q(below=False) | Q(threshold__isnull=False), name="credits_alert_below_a_threshold"
            ),
        ]

    def __str__(self) -> str:
        if self.threshold is None:
            return f"{self.account}: {_('off')}"
        return f"{self.account}: < {self.threshold.normalize():f}"


class ExpiryWarning(models.Model):
    """The warning about a lot's expiry: one row, and so one email to each recipient, per lot.

    ``mailed_at`` is when it was handed to the recipients' jobs; the lots of one email have the same.
    """

    lot = models.OneToOneField(
        Lot,
        verbose_name=_("lot"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="expiry_warning",
    )
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.CASCADE, related_name="expiry_warnings"
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    mailed_at = models.DateTimeField(_("email sent"), null=True, editable=False)

    class Meta:
        verbose_name = _("expiry warning")
        verbose_name_plural = _("expiry warnings")

    def __str__(self) -> str:
        return str(self.lot)
