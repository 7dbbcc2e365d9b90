"""Define clawbacks."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database.guards import keeps, never_deleted
from credits.formatting import credits_amount
from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField
from credits.ledger.models.guards import at_commit
from credits.ledger.models.lots import Lot


class Clawback(models.Model):
    """The claim of one refund or dispute on the lot of its payment, and its result.

    ``id`` is the reversal's own. Of the ``amount``, ``taken`` is out of the lot, ``pending`` is still on hold and is
    taken as soon as a hold ends, ``owed`` became debt, and the rest is ``waived``. The ledger derives these four from
    the lot's current clawbacks, in the order of ``position``, and from where its credits went, and updates them
    whenever either changes, so the order of events doesn't matter. One that no longer applies has an amount of 0.
    ``at`` is when the money was sent back, ``taken_since`` when credits were first taken for it.
    """

    class Kind(models.TextChoices):
        REFUND = "refund", _("Refund")
        DISPUTE = "dispute", _("Dispute")

    class Policy(models.TextChoices):
        """The policy for a shortfall."""

        CAP = "cap", _("Write off")
        DEBT = "debt", _("Bill")

    id = models.UUIDField(primary_key=True, editable=False)
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, related_name="clawbacks", db_index=False
    )
    lot = models.ForeignKey(
        Lot, verbose_name=_("lot"), on_delete=models.PROTECT, related_name="clawbacks", db_index=False
    )
    at = models.DateTimeField(_("reversed at"), db_index=True)
    position = models.PositiveIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    policy = models.CharField(_("policy"), max_length=10, choices=Policy.choices)
    amount = AmountField(_("credits claimed"))
    taken = AmountField(_("credits removed"), default=0, db_default=0)
    pending = AmountField(_("credits pending"), default=0, db_default=0)
    owed = AmountField(_("credits billed"), default=0, db_default=0)
    waived = AmountField(_("credits written off"), default=0, db_default=0)
    taken_since = models.DateTimeField(_("first removed"), null=True)
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("clawback")
        verbose_name_plural = _("clawbacks")
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gte=0, taken__gte=0, pending__gte=0, owed__gte=0, waived__gte=0),
                name="credits_clawback_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(policy="debt") | Q(owed=0), name="credits_clawback_owes_by_its_policy"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "lot", "position"], name="credits_clawback_of_lot"),
            # Read whenever a hold ends: nearly always there is none.
            models.Index(
                fields=["account", "lot"],
                condition=Q(taken__lt=models.F("amount")),
                name="credits_clawback_unsatisfied",
            ),
        ]
        triggers = [
            at_commit(
                "adds_up",
                pgtrigger.Insert | pgtrigger.Update,
                "PERFORM credits_verify_clawback(NEW.account_id, NEW.id);",
            ),
            keeps("account_id", "lot_id", "kind", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{credits_amount(self.amount)}: {self.get_kind_display()}"
