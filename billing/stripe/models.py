"""Record the Stripe account and mode of the data here."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class StripeAccount(models.Model):
    """The account and mode of all data, recorded on first contact and never changed. One row; ``key_digest``
    identifies the key last checked, which isn't stored.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    account_id = models.CharField(_("account"), max_length=255)
    livemode = models.BooleanField(_("live"))
    key_digest = models.CharField(max_length=64, editable=False)
    learned_at = models.DateTimeField(_("recorded"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("Stripe account")
        verbose_name_plural = _("Stripe accounts")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="stripeaccount_is_one_row")]

    def __str__(self) -> str:
        return f"{self.account_id} ({_('live') if self.livemode else _('test')})"
