"""Store discount codes and their uses, sales and multi-buys."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from billing.currencies import SUPPORTED, too_fine
from billing.discounts.past_sales import SaleVersion as SaleVersion
from billing.money import Money
from billing.packages.models import Package
from billing.purchases.models import Purchase
from core.database.guards import append_only

LONGEST_CODE = 40
CODE = r"^[A-Z0-9][A-Z0-9-]{2,39}$"


def normal_code(text: str) -> str:
    """Return a code as it is stored, however a buyer typed it."""
    return "".join(text.split()).upper()


class DiscountCode(models.Model):
    """A code that lowers a purchase's price: by a percentage, or by an amount in each of some currencies.

    ``packages`` are those it is for; without any it is for all, and for custom amounts. A use counts from the checkout
    on, until that ends unpaid or the purchase is refunded in full.
    """

    class State(models.TextChoices):
        ACCEPTED = "accepted", _("Accepted")
        AHEAD = "ahead", _("Not started")
        ENDED = "ended", _("Ended")
        OFF = "off", _("Off")

    code = models.CharField(
        _("code"),
        max_length=LONGEST_CODE,
        unique=True,
        validators=[
            RegexValidator(
                CODE, _("Use 3 to 40 letters, digits and hyphens, such as SPRING-20."), flags=re.IGNORECASE
            )
        ],
        help_text=_("Buyers may type it in lower case, too."),
    )
    note = models.CharField(_("note"), max_length=200, blank=True, help_text=_("For staff."))
    percent = models.DecimalField(
        _("percent off"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
    )
    starts_at = models.DateTimeField(_("starts"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    packages = models.ManyToManyField(
        Package, verbose_name=_("packages"), blank=True, help_text=_("None: all, and custom amounts.")
    )
    max_uses = models.PositiveIntegerField(
        _("maximum uses"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    first_purchase_only = models.BooleanField(_("first purchase only"), default=False)
    once_per_buyer = models.BooleanField(_("once per buyer"), default=True)
    stackable = models.BooleanField(
        _("combines with a sale"),
        default=False,
        help_text=_("Otherwise it applies to the regular price, if that is the better deal."),
    )
    is_active = models.BooleanField(_("accepted"), default=True)
    # How many of its uses count. Triggers keep it, as counting them takes longer the more there are.
    used = models.IntegerField(_("uses"), default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("discount code")
        verbose_name_plural = _("discount codes")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=CODE), name="discount_code_in_capitals"),
            models.CheckConstraint(
                condition=Q(percent=None) | Q(percent__gt=0, percent__lte=100),
                name="discount_code_percent_within_100",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at")),
                name="discount_code_ends_after_its_start",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def clean(self) -> None:
        """Store the code in capitals; refuse an end before the start."""
        self.code = normal_code(self.code)
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise ValidationError({"ends_at": _("The end must be after the start.")})

    @property
    def state(self) -> DiscountCode.State:
        """Return whether buyers can use it now, as far as that is the same for all of them."""
        now = timezone.now()
        if not self.is_active:
            return self.State.OFF
        if self.starts_at is not None and self.starts_at > now:
            return self.State.AHEAD
        return self.State.ENDED if self.ends_at is not None and self.ends_at <= now else self.State.ACCEPTED

    @property
    def live_uses(self) -> QuerySet[DiscountUse]:
        """Return the uses that count: of purchases that are open, or credited and not refunded in full."""
        return self.uses.exclude(purchase__status__in=DiscountUse.FREED)


class CodeAmount(models.Model):
    """What a code takes off in a currency, unless it takes a percentage, and the price that it takes at least."""

    discount_code = models.ForeignKey(
        DiscountCode, verbose_name=_("discount code"), on_delete=models.CASCADE, related_name="amounts"
    )
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount in minor units"), null=True, blank=True)
    minimum_minor = models.BigIntegerField(_("minimum price in minor units"), default=0)

    class Meta:
        verbose_name = _("amount of a discount code")
        verbose_name_plural = _("amounts of discount codes")
        constraints = [
            models.UniqueConstraint(
                fields=["discount_code", "currency"], name="code_amount_one_per_currency"
            ),
            models.CheckConstraint(
                condition=(Q(amount_minor=None) | Q(amount_minor__gt=0)) & Q(minimum_minor__gte=0),
                name="code_amount_positive",
            ),
        ]

    def __str__(self) -> str:
        return str(Money(self.amount_minor or 0, self.currency))

    def clean(self) -> None:
        if self.currency not in SUPPORTED:
            raise ValidationError(
                {"currency": _("Enter a currency that Stripe accepts, in lower case, such as usd.")}
            )
        for minor in (self.amount_minor or 0, self.minimum_minor):
            if refusal := too_fine(minor, self.currency):
                raise ValidationError(refusal)


class DiscountUse(models.Model):
    """A use of a code by a purchase. Whether it counts follows from the purchase's status."""

    # With these the code is free again: never paid, or all of it refunded.
    FREED = (Purchase.Status.EXPIRED, Purchase.Status.FAILED, Purchase.Status.REFUNDED)

    purchase = models.OneToOneField(
        Purchase,
        verbose_name=_("purchase"),
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="discount_use",
    )
    discount_code = models.ForeignKey(
        DiscountCode, verbose_name=_("discount code"), on_delete=models.PROTECT, related_name="uses"
    )

    class Meta:
        verbose_name = _("use of a discount code")
        verbose_name_plural = _("uses of discount codes")
        triggers = append_only()

    def __str__(self) -> str:
        return f"{self.discount_code_id}: {self.purchase_id}"


class TimedOffer(models.Model):
    """What lowers the price of some packages, or of all, between two moments."""

    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    packages = models.ManyToManyField(
        Package, verbose_name=_("packages"), blank=True, help_text=_("None: all packages.")
    )
    is_active = models.BooleanField(_("on"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        abstract = True

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.starts_at >= self.ends_at:
            raise ValidationError({"ends_at": _("The end must be after the start.")})

    def is_on(self, now: datetime | None = None) -> bool:
        now = now or timezone.now()
        return self.is_active and self.starts_at <= now < self.ends_at


class Sale(TimedOffer):
    """A percentage off packages for some time. Their prices stay as they are."""

    name = models.CharField(_("name"), max_length=100, help_text=_("Shown to buyers."))
    percent = models.DecimalField(
        _("percent off"),
        max_digits=5,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal("99.99"))],
    )

    class Meta:
        verbose_name = _("sale")
        verbose_name_plural = _("sales")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(percent__gt=0, percent__lt=100), name="sale_percent_below_100"
            ),
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="sale_ends_after_its_start"),
        ]

    def __str__(self) -> str:
        return self.name


class MultiBuy(TimedOffer):
    """Free packages for who buys several at once: of every ``paid`` + ``free`` in a purchase, ``free`` cost nothing,
    the cheapest of all.
    """

    name = models.CharField(
        _("name"), max_length=100, help_text=_("Shown to buyers, such as “Buy 2, get 1 free”.")
    )
    paid = models.PositiveSmallIntegerField(_("buy"), default=2, validators=[MinValueValidator(1)])
    free = models.PositiveSmallIntegerField(_("get free"), default=1, validators=[MinValueValidator(1)])
    stackable = models.BooleanField(
        _("combines with a sale"),
        default=False,
        help_text=_("Otherwise it applies to the regular prices, if that is the better deal."),
    )

    class Meta:
        verbose_name = _("multi-buy")
        verbose_name_plural = _("multi-buys")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(paid__gt=0, free__gt=0), name="multi_buy_counts_positive"),
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="multi_buy_ends_after_its_start"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_for(self, package: Package) -> bool:
        """Return whether the package counts. Uses prefetched packages."""
        these = {each.pk for each in self.packages.all()}
        return package.price_minor > 0 and (not these or package.pk in these)
