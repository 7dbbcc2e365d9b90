"""Store the packages of a purchase of several."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.purchases.models.purchases import Purchase
from core.database.guards import append_only


class PurchaseLine(models.Model):
    """As many of one package in a purchase of several; ``free`` of them by a multi-buy.

    Its texts and numbers are copied, as a purchase's are: ``credits`` and ``bonus_credits`` are those of all of them,
    and ``price_minor`` is its share of the purchase's price, as Stripe's page and the receipt show it. What its credits
    cost is not that: every credit of a purchase costs the same, see `ScheduledGrant`.
    """

    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="lines"
    )
    position = models.PositiveSmallIntegerField(_("position"))
    package_code = models.CharField(_("package code"), max_length=50)
    package_name = models.CharField(_("package name"), max_length=100)
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    free = models.PositiveSmallIntegerField(_("free of these"), default=0, db_default=0)
    credits = models.DecimalField(_("credits"), max_digits=18, decimal_places=2)
    price_minor = models.BigIntegerField(_("price in minor units"))
    validity_days = models.PositiveIntegerField(_("validity in days"), null=True)
    bonus_credits = models.DecimalField(
        _("bonus credits"), max_digits=18, decimal_places=2, default=0, db_default=0
    )
    bonus_validity_days = models.PositiveIntegerField(_("validity of the bonus in days"), null=True)

    class Meta:
        verbose_name = _("package of a purchase")
        verbose_name_plural = _("packages of purchases")
        ordering = ["purchase", "position"]
        constraints = [
            models.UniqueConstraint(fields=["purchase", "position"], name="purchase_line_one_per_position"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, credits__gt=0, price_minor__gte=0, free__lte=F("quantity")),
                name="purchase_line_counts",
            ),
        ]
        triggers = append_only()

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """Return “2 × Pro”."""
        return f"{self.quantity} × {self.package_name}" if self.quantity > 1 else self.package_name

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.purchase.currency)
