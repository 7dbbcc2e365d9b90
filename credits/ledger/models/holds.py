"""Define holds."""

from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database.guards import keeps, never_deleted
from credits.formatting import credits_amount
from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField


class Hold(models.Model):
    """Credits on hold for work in progress: captured in part or whole, released, or expired.

    ``remaining`` of ``amount`` is still held, ``captured`` was spent on it. ``lots`` are the lots that will pay and
    ``pinned`` how much of each; they pay even if they expire before the work is done. ``overrun`` says whether a
    capture above both the hold and the balance is refused or owed. ``client`` is the API client that made it, if one
    did.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        CAPTURED = "captured", _("Captured")
        RELEASED = "released", _("Released")
        EXPIRED = "expired", _("Expired")

    class Overrun(models.TextChoices):
        REFUSE = "refuse", _("Refuse")
        DEBT = "debt", _("Leave as debt")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(
        Account,
        verbose_name=_("account"),
        on_delete=models.PROTECT,
        related_name="holds",
        db_index=False,  # the unique constraint begins with it
    )
    key = models.CharField(_("business key"), max_length=200)
    amount = AmountField(_("amount"))
    remaining = AmountField(_("still held"))
    captured = AmountField(_("captured"), default=0, db_default=0)
    overrun = models.CharField(
        _("overrun"),
        max_length=10,
        choices=Overrun.choices,
        default=Overrun.REFUSE,
        db_default=Overrun.REFUSE,
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.OPEN, db_default=Status.OPEN
    )
    lots = ArrayField(models.BigIntegerField(), verbose_name=_("lots"), default=list)
    pinned = ArrayField(AmountField(), verbose_name=_("held amounts"), default=list)
    # No foreign key: the client may be deleted while the work continues.
    client = models.UUIDField(_("API client"), null=True, blank=True, editable=False)
    expires_in = models.DurationField(_("duration"))
    expires_at = models.DateTimeField(_("expires"))
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="credits_hold_one_per_key"),
            models.CheckConstraint(condition=~Q(key=""), name="credits_hold_has_a_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, remaining__gte=0, remaining__lte=F("amount"), captured__gte=0),
                name="credits_hold_remaining_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at__isnull=True)
                | Q(remaining=0, closed_at__isnull=False) & ~Q(status="open"),
                name="credits_hold_closed_holds_nothing",
            ),
            # And credits_hold_equals_pinned, which needs a function of the database: see 0005.
        ]
        indexes = [
            # For the expiry job, and for balances, which leave overdue holds out.
            models.Index(
                fields=["expires_at"], condition=Q(status="open"), name="credits_hold_open_by_expiry"
            ),
            models.Index(
                fields=["account", "expires_at"],
                condition=Q(status="open"),
                name="credits_hold_open_of_account",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="agrees_with_its_account",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                # The ledger writes the hold last, so this sees all of it.
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="PERFORM credits_verify_holds(NEW.account_id); RETURN NULL;",
            ),
            keeps("account_id", "key", "amount", "overrun", "client", "expires_in", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{credits_amount(self.remaining)} / {credits_amount(self.amount)}"
