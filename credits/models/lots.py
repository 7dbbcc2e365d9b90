"""Credits that came in together."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.guards import keeps, never_deleted
from credits.models.accounts import Account
from credits.models.fields import AmountField
from credits.models.guards import OUTSIDERS_WITHOUT_BATCH, at_commit


class Lot(models.Model):
    """Credits that came in together.

    ``remaining`` of ``amount`` are left, and ``held`` of those are pinned by holds. ``cost_minor`` and ``currency``
    say what was paid for all of it, in the currency's minor units; the ledger carries them for reports and never
    computes with them. Spending takes the lot that expires first, then promotional before paid, then the older.
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
    # The index of spending leans on this and not on `remaining`: a column that an index names makes each update of
    # it write to every index of the table.
    exhausted = models.BooleanField(_("used up"), default=False, db_default=False)
    promotional = models.BooleanField(_("promotional"), default=False)
    cost_minor = models.BigIntegerField(_("cost in minor units"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    reference = models.CharField(_("reference"), max_length=200, blank=True, default="")
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = pgettext_lazy("credits that came in together", "lot")
        verbose_name_plural = pgettext_lazy("credits that came in together", "lots")
        constraints = [
            # One constraint for what every spend writes: PostgreSQL reads each of them anew for every statement.
            models.CheckConstraint(
                condition=Q(amount__gt=0, remaining__lte=F("amount"), held__gte=0, held__lte=F("remaining"))
                & (Q(exhausted=True, remaining=0) | Q(exhausted=False, remaining__gt=0)),
                name="credits_lot_within_its_amount",
            ),
            models.CheckConstraint(
                condition=Q(promotional=False) | Q(cost_minor__isnull=True),
                name="credits_lot_promotional_costs_nothing",
            ),
        ]
        indexes = [
            # The order of spending, and by its first column every lot of an account. It is the only one: each index
            # is opened by each update of a row, also by those that leave it alone. The expiry job reads the table.
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
            keeps("account_id", "amount", "promotional", "cost_minor", "currency", "created_at"),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.remaining.normalize():f} / {self.amount.normalize():f}"
