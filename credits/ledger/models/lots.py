"""Define lots."""

from __future__ import annotations

import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.database.guards import keeps, never_deleted
from credits.formatting import credits_amount
from credits.ledger.models.accounts import Account
from credits.ledger.models.fields import AmountField
from credits.ledger.models.guards import OUTSIDERS_WITHOUT_BATCH, at_commit


class Lot(models.Model):
    """Credits that came in together.

    ``remaining`` of ``amount`` is left, and ``held`` of that is pinned by holds. ``cost_minor``, in minor units of
    ``currency``, was paid for ``cost_credits`` credits, or if that is empty for the whole lot; the ledger keeps them
    for reports only. Spending takes the lot that expires first, then promotional before paid, then the older.

    Gifted credits remember their original lot, its account (``origin_lot``, ``origin_account``) and its cost: so a
    gift carries its cost exactly, and credits returned to their payer rejoin the lot that they came from.
    ``extended_by`` is the time added to the lot's life for what was frozen or taken while it would have expired.
    """

    account = models.ForeignKey(
        Account,
        verbose_name=_("account"),
        on_delete=models.PROTECT,
        related_name="lots",
        db_index=False,  # the order of spending begins with it
    )
    amount = AmountField(_("amount"))
    remaining = AmountField(_("remaining"))
    held = AmountField(_("held"), default=0, db_default=0)
    # The index of spending uses this, not `remaining`: updating an indexed column writes to every index.
    exhausted = models.BooleanField(_("used up"), default=False, db_default=False)
    promotional = models.BooleanField(_("promotional"), default=False)
    cost_minor = models.BigIntegerField(_("cost in minor units"), null=True, blank=True)
    cost_credits = AmountField(_("credits covered by the cost"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    # Not foreign keys: the other account may live elsewhere one day.
    origin_lot = models.BigIntegerField(_("original lot"), null=True, blank=True)
    origin_account = models.UUIDField(_("original account"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    extended_by = models.DurationField(
        _("extended by"), default=datetime.timedelta(0), db_default=datetime.timedelta(0)
    )
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = pgettext_lazy("credits that came in together", "lot")
        verbose_name_plural = pgettext_lazy("credits that came in together", "lots")
        constraints = [
            # One constraint for what every spend writes: PostgreSQL reads each for every statement.
            models.CheckConstraint(
                condition=Q(amount__gt=0, remaining__lte=F("amount"), held__gte=0, held__lte=F("remaining"))
                & (Q(exhausted=True, remaining=0) | Q(exhausted=False, remaining__gt=0)),
                name="credits_lot_within_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(promotional=False) | Q(cost_minor__isnull=True),
                name="credits_lot_promotional_costs_nothing",
            ),
            models.CheckConstraint(
                condition=Q(origin_lot__isnull=True, origin_account__isnull=True, cost_credits__isnull=True)
                | Q(origin_lot__isnull=False, origin_account__isnull=False)
                & (
                    Q(cost_minor__isnull=True, cost_credits__isnull=True)
                    | Q(cost_minor__isnull=False, cost_credits__gt=0)
                ),
                name="credits_lot_given_knows_its_origin",
            ),
        ]
        indexes = [
            # The order of spending, and an account's lots. The only index, as each update of a row opens all of them.
            # The expiry job reads the table.
            models.Index(
                F("account"),
                F("exhausted"),
                F("expires_at").asc(nulls_last=True),
                F("promotional").desc(),
                F("id"),
                name="credits_lot_spending_order",
            ),
        ]
        triggers = [
            at_commit(
                "agrees_with_its_account",
                pgtrigger.Insert | pgtrigger.UpdateOf("remaining", "account_id"),  # type: ignore[no-untyped-call]
                "PERFORM credits_verify_lots(NEW.account_id);",
                OUTSIDERS_WITHOUT_BATCH,
            ),
            at_commit(
                "agrees_with_its_holds",
                pgtrigger.Insert | pgtrigger.UpdateOf("held"),  # type: ignore[no-untyped-call]
                "PERFORM credits_verify_holds(NEW.account_id);",
                OUTSIDERS_WITHOUT_BATCH,
            ),
            keeps(
                "account_id",
                "amount",
                "promotional",
                "cost_minor",
                "cost_credits",
                "currency",
                "origin_lot",
                "origin_account",
                "created_at",
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}: {credits_amount(self.remaining)} / {credits_amount(self.amount)}"
