"""Store which prices were asked for each package, and since when."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from core.database.guards import append_only


class AskedPrice(models.Model):
    """The price of a package in a currency since a moment, until the next row of both; none if it wasn't on sale.

    A trigger at the end of each transaction writes it, whoever changed the package, so a price that was never visible
    isn't in it. It outlives the package: another one with its code continues the history.
    """

    package = models.ForeignKey(
        "packages.Package",
        verbose_name=_("package"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        to_field="code",
        db_column="package_code",
        db_index=False,
        related_name="asked_prices",
    )
    currency = models.CharField(_("currency"), max_length=3)
    price_minor = models.BigIntegerField(_("price in minor units"), null=True)
    since = models.DateTimeField(_("since"), db_default=Now())

    class Meta:
        verbose_name = _("asked price")
        verbose_name_plural = _("price history")
        ordering = ["-since", "-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["package", "currency", "since"], name="asked_price_of_a_package")]
        triggers = append_only()

    def __str__(self) -> str:
        return str(self.price) if self.price else str(_("not on sale"))

    @property
    def price(self) -> Money | None:
        return None if self.price_minor is None else Money(self.price_minor, self.currency)
