"""Store what each sale took off, for which packages, and since when it was so."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database.guards import append_only


class SaleVersion(models.Model):
    """What a sale said since a moment, until its next row. A trigger at the end of each transaction writes it, so a
    sale that is changed or switched off keeps what it made of the prices.

    ``packages`` are codes; without any it is for all.
    """

    sale = models.ForeignKey(
        "discounts.Sale",
        verbose_name=_("sale"),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="versions",
    )
    percent = models.DecimalField(_("percent off"), max_digits=5, decimal_places=2)
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    is_active = models.BooleanField(_("on"))
    packages = ArrayField(models.CharField(max_length=50), verbose_name=_("packages"))
    since = models.DateTimeField(_("since"), db_default=Now())

    class Meta:
        verbose_name = _("version of a sale")
        verbose_name_plural = _("versions of sales")
        ordering = ["-since", "-id"]
        default_permissions = ()
        indexes = [models.Index(fields=["ends_at"], name="sale_version_by_end")]
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.sale_id}: {self.percent}%"
