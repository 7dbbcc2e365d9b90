"""Store what a purchase grants in several lots, each when it is due."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.purchases.models.lines import PurchaseLine
from billing.purchases.models.purchases import Purchase
from core.database.guards import keeps, never_deleted
from credits.formatting import credits_amount
from credits.ledger.models import Lot


class ScheduledGrant(models.Model):
    """One of the grants of a purchase whose credits come in several lots: of a year that is paid at once, of several
    packages, or of credits and a bonus.

    ``position`` counts from 1; a bonus is last, as refunds claim from the end. The purchase's credits and price are the
    sums of its grants' ``credits``, less those of a bonus, and ``cost_minor``. Without a ``lot`` it is still to come,
    or all of it was refunded.
    """

    purchase = models.ForeignKey(
        Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="scheduled_grants"
    )
    position = models.PositiveSmallIntegerField(_("position"))
    line = models.ForeignKey(
        PurchaseLine, verbose_name=_("package"), on_delete=models.PROTECT, null=True, related_name="+"
    )
    credits = models.DecimalField(_("credits"), max_digits=18, decimal_places=2)
    cost_minor = models.BigIntegerField(_("cost in minor units"))
    is_bonus = models.BooleanField(_("bonus"), default=False, db_default=False)
    due_at = models.DateTimeField(_("due"))
    expires_at = models.DateTimeField(_("credits expire"), null=True)
    lot = models.OneToOneField(
        Lot, verbose_name=_("credits"), on_delete=models.PROTECT, null=True, related_name="scheduled_grant"
    )

    class Meta:
        verbose_name = _("scheduled grant")
        verbose_name_plural = _("scheduled grants")
        ordering = ["purchase", "position"]
        constraints = [
            models.UniqueConstraint(fields=["purchase", "position"], name="scheduled_grant_one_per_position"),
            models.CheckConstraint(
                condition=Q(credits__gt=0, cost_minor__gte=0, position__gt=0),
                name="scheduled_grant_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(is_bonus=False) | Q(cost_minor=0, position__gt=1),
                name="scheduled_grant_bonus_costs_nothing",
            ),
        ]
        indexes = [
            # For the job: what is still to come, the next first.
            models.Index(fields=["due_at"], condition=Q(lot=None), name="scheduled_grant_to_come"),
        ]
        triggers = [
            keeps(
                "purchase_id",
                "position",
                "line_id",
                "credits",
                "cost_minor",
                "is_bonus",
                "due_at",
                "expires_at",
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"{credits_amount(self.credits)} · {self.due_at:%Y-%m-%d}"

    @property
    def name(self) -> str:
        """Return what it brings the credits of: one of several packages, or the purchase's."""
        return self.line.name if self.line else self.purchase.package_name

    @property
    def key(self) -> str:
        """Return the ledger's business key of the grant; the first has the purchase's own."""
        return self.purchase.grant_key if self.position == 1 else f"{self.purchase.grant_key}:{self.position}"

    @property
    def entry_metadata(self) -> dict[str, str]:
        """Return the metadata of its ledger entry; a bonus says so."""
        metadata, name = self.purchase.entry_metadata, self.purchase.package_name
        if self.line is not None:
            name = self.line.name
            metadata = {"package": self.line.package_code, "description": name}
        if not self.is_bonus:
            return metadata
        with translation.override(settings.LANGUAGE_CODE):  # as the package's name is in one language
            return {**metadata, "description": gettext("Bonus: %(package)s") % {"package": name}}
