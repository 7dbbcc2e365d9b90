"""Store what a checkout makes of a purchase's price: a promotion code lowers it, and tax is in it or on top."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.money import Money
from billing.tax import EXCLUSIVE, INCLUSIVE, REVERSE_CHARGE, VOUCHER

ON_TOP = Q(tax_behavior=EXCLUSIVE)
BEFORE_TAX = F("price_minor") - F("promotion_minor")


class CheckoutTotals(models.Model):
    """The part of a purchase between its price and what is paid. ``price_minor`` is what we asked for.

    ``tax_behavior`` is what we asked Stripe to do, if anything; ``tax_minor`` and ``promotion_minor`` are known once
    the checkout is paid.
    """

    class TaxBehavior(models.TextChoices):
        INCLUSIVE = INCLUSIVE, _("in the price")
        EXCLUSIVE = EXCLUSIVE, _("on top of the price")

    class TaxNote(models.TextChoices):
        REVERSE_CHARGE = REVERSE_CHARGE, _("Reverse charge")
        VOUCHER = VOUCHER, _("Multi-purpose voucher: taxed when the credits are spent")

    tax_behavior = models.CharField(
        _("tax is"), max_length=10, choices=TaxBehavior.choices, blank=True, default="", db_default=""
    )
    tax_minor = models.BigIntegerField(_("tax in minor units"), default=0, db_default=0)
    tax_note = models.CharField(
        _("why there is no tax"),
        max_length=20,
        choices=TaxNote.choices,
        blank=True,
        default="",
        db_default="",
    )
    allows_promotion = models.BooleanField(
        _("takes Stripe’s promotion codes"), default=False, db_default=False
    )
    promotion_minor = models.BigIntegerField(_("promotion in minor units"), default=0, db_default=0)
    # The code, or until it is known Stripe's id of it.
    promotion_code = models.CharField(
        _("Stripe promotion code"), max_length=255, blank=True, default="", db_default=""
    )

    price_minor: models.BigIntegerField[int, int]
    currency: models.CharField[str, str]
    stripe_invoice_id: models.CharField[str, str]
    charged_method_id: uuid.UUID | None

    class Meta:
        abstract = True

    @property
    def checkout_sets_total(self) -> bool:
        """Return whether only the checkout knows what is to be paid, as it adds tax or takes promotion codes."""
        has_checkout = self.charged_method_id is None and not self.stripe_invoice_id
        return has_checkout and bool(self.tax_behavior or self.allows_promotion)

    @property
    def total_minor(self) -> int:
        """Return what there is to pay, as far as it is known."""
        on_top = self.tax_minor if self.tax_behavior == EXCLUSIVE else 0
        return self.price_minor - self.promotion_minor + on_top

    @property
    def net_minor(self) -> int:
        """Return what there is to pay without tax: what the credits cost."""
        return self.total_minor - self.tax_minor

    @property
    def net(self) -> Money:
        return Money(self.net_minor, self.currency)

    @property
    def tax(self) -> Money:
        return Money(self.tax_minor, self.currency)

    @property
    def promotion(self) -> Money:
        return Money(self.promotion_minor, self.currency)

    @property
    def has_totals(self) -> bool:
        """Return whether the amount paid needs explaining: by tax, by why there is none, or by a promotion code."""
        return bool(self.tax_minor or self.tax_note or self.promotion_minor)


PAID_IN_FULL = models.CheckConstraint(
    # Without the null test, a null would make the comparison null, which passes a check.
    condition=~Q(status__in=["completed", "partially_refunded", "refunded", "disputed"])
    | Q(paid_minor__isnull=False)
    & (
        ON_TOP & Q(paid_minor=BEFORE_TAX + F("tax_minor"))
        | ~ON_TOP & Q(paid_minor=BEFORE_TAX, paid_minor__gte=F("tax_minor"))
    ),
    name="purchase_completed_is_paid_in_full",
)
TOTALS_ARE_EXPLAINED = models.CheckConstraint(
    condition=(Q(tax_minor=0) | Q(tax_minor__gt=0) & ~Q(tax_behavior=""))
    & (
        Q(promotion_minor=0)
        | Q(allows_promotion=True, promotion_minor__gt=0, promotion_minor__lte=F("price_minor"))
    ),
    name="purchase_says_what_changed_its_total",
)
