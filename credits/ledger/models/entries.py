"""Define entries."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database.guards import append_only
from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField


@dataclass(frozen=True)
class Movement:
    """The change of one lot by one entry."""

    lot_id: int
    amount: Decimal


class Entry(models.Model):
    """One event of an account. Appended, never changed.

    ``amount`` is signed, ``balance_after`` is the balance after it, ``version`` its position in the account's history
    (1, 2, 3, …). ``key`` is the business key: one fact, one key, one entry, however often the fact is reported.
    ``lots`` are the lots that it moved and ``moved`` by how much each; ``owed`` is by how much the debt rose, so
    ``amount`` = sum of ``moved`` - ``owed``. ``hash`` seals the entry and, through the previous entry's hash, the
    account's whole past. ``reference`` and ``metadata`` stay outside the seal: they are the client's, and services are
    asked to keep personal data out of them (docs/personal-data.md).
    """

    class Kind(models.TextChoices):
        PURCHASE = "purchase", _("Purchase")
        PROMOTION = "promotion", _("Promotion")
        SPEND = "spend", _("Spend")
        GIFT_SENT = "gift_sent", _("Gift sent")
        GIFT_RECEIVED = "gift_received", _("Gift received")
        EXPIRY = "expiry", _("Expiry")
        REFUND = "refund", _("Refund")
        DISPUTE = "dispute", _("Dispute")
        ADJUSTMENT = "adjustment", _("Adjustment")
        OFFSET = "offset", _("Debt offset")
        FORFEIT = "forfeit", _("Forfeited")

    account = models.ForeignKey(
        Account,
        verbose_name=_("account"),
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,  # both unique constraints begin with it
        # The trigger below finds the account at this entry's version, which is stricter than a foreign key.
        db_constraint=False,
    )
    version = models.BigIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    amount = AmountField(_("amount"))
    balance_after = AmountField(_("balance after"))
    owed = AmountField(_("debt change"), default=0, db_default=0)
    # Arrays instead of a table of movements: a spend writes one row and its index entries instead of two.
    lots = ArrayField(models.BigIntegerField(), verbose_name=_("lots"), default=list)
    moved = ArrayField(AmountField(), verbose_name=_("changes"), default=list)
    key = models.CharField(_("business key"), max_length=200)
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    hash = models.BinaryField(_("hash"), editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        permissions = [("download_ledger", _("Can download the ledger"))]
        constraints = [
            models.UniqueConstraint(fields=["account", "version"], name="credits_entry_one_per_version"),
            models.UniqueConstraint(fields=["account", "key"], name="credits_entry_one_per_key"),
            models.CheckConstraint(
                # An entry that moves only between lots and debt leaves the balance unchanged.
                condition=(~Q(amount=0) | ~Q(owed=0)) & ~Q(key=""),
                name="credits_entry_has_an_amount_and_a_key",
            ),
        ]
        indexes = [
            # For the statement's filters and totals. Spends stay out and so pay nothing (docs/statement-and-gifts.md).
            models.Index(
                fields=["account", "kind", "version"],
                include=["amount"],
                condition=~Q(kind="spend"),
                name="credits_entry_but_spends",
            ),
            # For periods over all accounts. It costs a spend nothing measurable (docs/decisions/hot-path.md).
            BrinIndex(fields=["created_at"], autosummarize=True, name="credits_entry_by_time"),
        ]
        triggers = [
            *append_only(),
            # Migration 0005 adds credits_entry_continues_its_account, which checks the entry and seals it.
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount.normalize():+f}"

    @property
    def movements(self) -> list[Movement]:
        return [Movement(lot, amount) for lot, amount in zip(self.lots, self.moved, strict=True)]
