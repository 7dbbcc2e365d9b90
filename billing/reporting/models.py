"""What was sold and what came back, added up by day: counted from purchases, refunds and disputes.

Nothing here is a fact of its own but the visits. `billing.reporting.daily_figures` writes these tables. Money is in the
currency's minor units, and no sum goes across currencies.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.purchases.models.purchases import Purchase


class CheckoutDay(models.Model):
    """Purchases begun on a day, by package, currency and what they have come to since."""

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
    """Purchases paid at Stripe on a day and credited, by package and currency. ``first_purchases`` of them were the
    first of their buyer (a person or a team), ``second_purchases`` the second.
    """

    day = models.DateField(_("day"))
    package_code = models.CharField(_("package code"), max_length=50)
    currency = models.CharField(_("currency"), max_length=3)
    purchases = models.BigIntegerField(_("purchases"))
    paid_minor = models.BigIntegerField(_("paid in minor units"))
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
    """Refunds and disputes that began at Stripe on a day, by the package they are about.

    ``refunds`` stand or have gone through, for ``refunded_minor``. ``disputes`` are chargebacks, inquiries apart, and
    ``disputed_minor`` is what of them is away from us: of open and of lost ones.
    """

    day = models.DateField(_("day"))
    package_code = models.CharField(_("package code"), max_length=50, blank=True, default="")
    currency = models.CharField(_("currency"), max_length=3)
    refunds = models.BigIntegerField(_("refunds"), default=0)
    refunded_minor = models.BigIntegerField(_("refunded in minor units"), default=0)
    disputes = models.BigIntegerField(_("disputes"), default=0)
    disputed_minor = models.BigIntegerField(_("disputed in minor units"), default=0)

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


class VisitDay(models.Model):
    """How many visits saw the packages on a day: one for each browser's session. A counter of its own: who looked is
    not kept, so it can't be counted anew.
    """

    day = models.DateField(_("day"), primary_key=True)
    visits = models.BigIntegerField(_("visits"))

    class Meta:
        verbose_name = _("day of visits")
        verbose_name_plural = _("days of visits")

    def __str__(self) -> str:
        return f"{self.day}: {self.visits}"


class SalesCount(models.Model):
    """When the days were last brought up to date, and whose days they are. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    counted_at = models.DateTimeField(_("counted at"), db_default=Now())
    zone = models.CharField(_("time zone of the days"), max_length=64)

    class Meta:
        verbose_name = _("count of sales")
        verbose_name_plural = _("counts of sales")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="salescount_is_one_row")]

    def __str__(self) -> str:
        return str(self.counted_at)
