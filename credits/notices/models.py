"""What people are told about their credits, and that they were told."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField
from credits.ledger.models.lots import Lot


class BalanceAlert(models.Model):
    """Tell the account's people when less than ``threshold`` can be spent; without a threshold, don't.

    ``below`` is whether it was so when last looked at, ``crossed_at`` since when. ``mailed_at`` is when the last mail
    went out, and ``mail_due`` that a crossing waits for its own: one mail a day at most. A row whose threshold was
    taken away stays, so that setting it anew doesn't make it forget the day's mail.
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
    """That the account's people are told of a lot's expiry ahead of time: one row, and so one mail, per lot."""

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
