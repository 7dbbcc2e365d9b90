"""Store what happened in the ledger by day: derived from the entries, and counted again whenever in doubt.

`credits.reporting.daily_figures` writes these tables.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from credits.ledger.models.accounts import Account
from credits.ledger.models.entries import Entry
from credits.ledger.models.fields import AmountField


class SumField(models.DecimalField):  # type: ignore[type-arg]  # django-stubs types it by its values
    """A sum of amounts, over accounts or time: longer than an amount, as there may be any number of them."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_digits", 30)
        kwargs.setdefault("decimal_places", 6)
        kwargs.setdefault("default", 0)
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed through as given


class LedgerDay(models.Model):
    """The movements by entries of one kind on one day, by source and cost.

    ``credits`` is signed, so that the sum over all days is the current total: of ``paid`` and ``promotional`` lots,
    and of what is ``owed``, as a negative number. ``cost_minor`` of the ``currency`` were paid for ``cost_credits`` of
    them: storing the price instead of the cost means no sum is ever rounded. What cost nothing has 0 for 1.
    """

    class Source(models.TextChoices):
        PAID = "paid", _("Paid")
        PROMOTIONAL = "promotional", _("Promotional")
        OWED = "owed", _("Debt")

    day = models.DateField(_("day"))
    kind = models.CharField(_("kind"), max_length=20, choices=Entry.Kind.choices)
    source = models.CharField(_("source"), max_length=12, choices=Source.choices)
    currency = models.CharField(_("currency"), max_length=3, blank=True, default="")
    cost_minor = models.BigIntegerField(_("cost in minor units"), default=0)
    cost_credits = AmountField(_("credits for that cost"), default=1)
    credits = SumField(_("credits"))

    class Meta:
        verbose_name = _("day of the ledger")
        verbose_name_plural = _("days of the ledger")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "kind", "source", "currency", "cost_minor", "cost_credits"],
                name="credits_ledgerday_counted_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.source} {self.currency}"


class FirstSpend(models.Model):
    """The time at which an account first spent paid credits."""

    account = models.OneToOneField(
        Account,
        verbose_name=_("account"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
        db_constraint=False,  # a check of it would lock the row that every spend needs
    )
    at = models.DateTimeField(_("at"), db_index=True)

    class Meta:
        verbose_name = _("first spend")
        verbose_name_plural = _("first spends")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.at}"


class SpendingDay(models.Model):
    """An account's spending on a day, paid and promotional. Kept for the days of a burn, and one more."""

    account = models.ForeignKey(
        Account,
        verbose_name=_("account"),
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        db_constraint=False,  # as above
    )
    day = models.DateField(_("day"))
    spent = SumField(_("spent"))

    class Meta:
        verbose_name = _("day of spending")
        verbose_name_plural = _("days of spending")
        constraints = [
            models.UniqueConstraint(fields=["day", "account"], name="credits_spendingday_counted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {self.spent}"


class RunningDry(models.Model):
    """A buyer's account whose ``balance`` lasts ``days`` more at a ``burn`` of so many credits a day. Computed every
    quarter of an hour, as it reads all accounts that spend (`credits.reporting.running_dry`).
    """

    account = models.OneToOneField(
        Account,
        verbose_name=_("account"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
        db_constraint=False,  # as above
    )
    balance = AmountField(_("balance"))
    burn = SumField(_("daily spend"))
    days = models.DecimalField(_("days left"), max_digits=12, decimal_places=2, db_index=True)

    class Meta:
        verbose_name = _("account running low")
        verbose_name_plural = _("accounts running low")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.days}"


class AccountCount(models.Model):
    """How far an account's entries are counted: all up to ``version``, none after it."""

    account = models.OneToOneField(
        Account,
        verbose_name=_("account"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
        db_constraint=False,  # as above
    )
    version = models.BigIntegerField(_("counted up to version"))

    class Meta:
        verbose_name = _("count of an account")
        verbose_name_plural = _("counts of accounts")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.version}"


class LedgerCount(models.Model):
    """When the entries were counted last, and in days of which ``zone``. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    counted_at = models.DateTimeField(_("counted at"), null=True)
    zone = models.CharField(_("time zone of the days"), max_length=64)

    class Meta:
        verbose_name = _("count of the ledger")
        verbose_name_plural = _("counts of the ledger")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="credits_ledgercount_is_one_row")]

    def __str__(self) -> str:
        return f"{self.counted_at} {self.zone}"
