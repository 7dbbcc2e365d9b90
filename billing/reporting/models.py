"""Store daily totals of purchases, refunds and disputes, written by `billing.reporting.daily_figures`.

All but the visits can be recounted. Money is in the currency's minor units, and no sum mixes currencies.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.purchases.models.purchases import Purchase
from core.database.guards import append_only


class CheckoutDay(models.Model):
    """Purchases begun on a day, by package, currency and current status."""

    day = models.DateField(_("day"))
    package_code = models.CharField(_("package code"), max_length=50)
    currency = models.CharField(_("currency"), max_length=3)
    status = models.CharField(_("status"), max_length=20, choices=Purchase.Status.choices)
    purchases = models.BigIntegerField(_("purchases"))

    class Meta:
        verbose_name = _("day of checkouts")
        verbose_name_plural = _("days of checkouts")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "package_code", "currency", "status"], name="checkoutday_counted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.package_code} {self.status}"


class SalesDay(models.Model):
    """Credited purchases by the day of payment at Stripe, package and currency. ``first_purchases`` were their
    buyer's first (a user or a team), ``second_purchases`` their second.
    """

    day = models.DateField(_("day"))
    package_code = models.CharField(_("package code"), max_length=50)
    currency = models.CharField(_("currency"), max_length=3)
    purchases = models.BigIntegerField(_("purchases"))
    paid_minor = models.BigIntegerField(_("paid in minor units"))
    tax_minor = models.BigIntegerField(_("tax in minor units"), default=0, db_default=0)
    first_purchases = models.BigIntegerField(_("first purchases"))
    second_purchases = models.BigIntegerField(_("second purchases"))

    class Meta:
        verbose_name = _("day of sales")
        verbose_name_plural = _("days of sales")
        constraints = [
            models.UniqueConstraint(fields=["day", "package_code", "currency"], name="salesday_counted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.package_code} {self.currency}"


class ReturnsDay(models.Model):
    """Refunds and disputes by the day they began at Stripe and by package. ``refunds`` are pending or succeeded, for
    ``refunded_minor``; ``disputes`` exclude inquiries, and ``disputed_minor`` counts open and lost ones only.
    ``returned_tax_minor`` is their exact share of the tax, with decimals: so it depends on no order, and adds up.
    """

    day = models.DateField(_("day"))
    package_code = models.CharField(_("package code"), max_length=50, blank=True, default="")
    currency = models.CharField(_("currency"), max_length=3)
    refunds = models.BigIntegerField(_("refunds"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded in minor units"), default=0)
    disputes = models.BigIntegerField(_("disputes"), default=0)
    disputed_minor = models.BigIntegerField(_("disputed in minor units"), default=0)
    returned_tax_minor = models.DecimalField(
        _("tax returned in minor units"), max_digits=30, decimal_places=12, default=0, db_default=0
    )

    class Meta:
        verbose_name = _("day of returns")
        verbose_name_plural = _("days of returns")
        constraints = [
            models.UniqueConstraint(
                fields=["day", "package_code", "currency"], name="returnsday_counted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.package_code} {self.currency}"


class BalanceMovement(models.Model):
    """A movement of the seller's balance at Stripe, in the currency it is settled in, before fees; negative if money
    left it. ``source`` is the id of the charge, refund or dispute; ``category`` is Stripe's reporting category.
    """

    stripe_id = models.CharField(_("Stripe balance transaction"), max_length=255, primary_key=True)
    source = models.CharField(_("source"), max_length=255, db_index=True)
    category = models.CharField(_("category"), max_length=60)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("balance movement")
        verbose_name_plural = _("balance movements")
        default_permissions = ()
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.category} {Money(self.amount_minor, self.currency)}"


class MovementsFetch(models.Model):
    """Until when the balance's movements were fetched. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    until = models.DateTimeField(_("until"))

    class Meta:
        verbose_name = _("fetch of balance movements")
        verbose_name_plural = _("fetches of balance movements")
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="movementsfetch_is_one_row")]

    def __str__(self) -> str:
        return str(self.until)


class SettledDay(models.Model):
    """The sales, refunds and disputes of a day, as `SalesDay` and `ReturnsDay` count them, in the currency that they
    were settled in; without one, those of which no movement is known, with numbers only.
    """

    day = models.DateField(_("day"))
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    purchases = models.BigIntegerField(_("purchases"))
    paid_minor = models.BigIntegerField(_("paid in minor units"))
    refunds = models.BigIntegerField(_("refunds"))
    refunded_minor = models.BigIntegerField(_("refunded in minor units"))
    disputes = models.BigIntegerField(_("disputes"))
    disputed_minor = models.BigIntegerField(_("disputed in minor units"))

    class Meta:
        verbose_name = _("settled day")
        verbose_name_plural = _("settled days")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["day", "currency"], name="settledday_counted_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.currency}"


class VisitDay(models.Model):
    """Visits to the packages on a day, one per browser session; visitors aren't recorded, so it can't be recounted."""

    day = models.DateField(_("day"), primary_key=True)
    visits = models.BigIntegerField(_("visits"))

    class Meta:
        verbose_name = _("day of visits")
        verbose_name_plural = _("days of visits")

    def __str__(self) -> str:
        return f"{self.day}: {self.visits}"


class SalesCount(models.Model):
    """When the days were last counted, and in which time zone. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    counted_at = models.DateTimeField(_("counted at"), db_default=Now())
    zone = models.CharField(_("time zone of the days"), max_length=64)

    class Meta:
        verbose_name = _("count of sales")
        verbose_name_plural = _("counts of sales")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="salescount_is_one_row")]

    def __str__(self) -> str:
        return str(self.counted_at)
