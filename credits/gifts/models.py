"""Gifts between customers."""

from __future__ import annotations

import uuid

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField

LONGEST_MESSAGE = 500


class Gift(models.Model):
    """Credits that ``sender`` gave ``recipient``, with a message.

    The ledger records the credits, as two entries whose reference is ``gift:<id>``. Personal data is kept here and not
    in the entries, so that it can be deleted: when either user is erased, the message goes too. ``key`` is the
    sender's: one form is one key and one gift.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("sender"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="gifts_sent",
    )
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("recipient"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="gifts_received",
    )
    from_account = models.ForeignKey(
        Account,
        verbose_name=_("from account"),
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,  # both indexes below begin with it
    )
    to_account = models.ForeignKey(
        Account, verbose_name=_("to account"), on_delete=models.PROTECT, related_name="+"
    )
    amount = AmountField(_("amount"))
    message = models.CharField(_("message"), max_length=LONGEST_MESSAGE, blank=True, default="")
    key = models.CharField(_("key"), max_length=200)
    created_at = models.DateTimeField(_("sent"), db_default=Now(), editable=False)
    sender_mailed_at = models.DateTimeField(_("sender emailed"), null=True, editable=False)
    recipient_mailed_at = models.DateTimeField(_("recipient emailed"), null=True, editable=False)

    class Meta:
        verbose_name = _("gift")
        verbose_name_plural = _("gifts")
        constraints = [
            models.UniqueConstraint(fields=["from_account", "key"], name="credits_gift_one_per_key"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="credits_gift_amount_positive"),
            models.CheckConstraint(
                condition=~Q(from_account=F("to_account")), name="credits_gift_to_somebody_else"
            ),
        ]
        indexes = [
            # For adding up a day's gifts against the limits.
            models.Index(fields=["from_account", "created_at"], name="credits_gift_of_a_day"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="forgets_its_message",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((OLD.sender_id IS NOT NULL AND NEW.sender_id IS NULL)"
                    " OR (OLD.recipient_id IS NOT NULL AND NEW.recipient_id IS NULL))"
                ),
                func="NEW.message := ''; RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f}: {self.sender} → {self.recipient}"
