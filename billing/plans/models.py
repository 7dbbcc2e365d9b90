"""Store plans: a monthly allowance of credits at a price that recurs every month or year."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.currencies import SUPPORTED
from billing.money import Money, price_refusal
from billing.texts import TranslatedTexts, texts_are_an_object

# As long as Stripe allows.
LONGEST_TRIAL_DAYS = 730
LONGEST_ROLLOVER_MONTHS = 120


class Interval(models.TextChoices):
    MONTH = "month", _("month")
    YEAR = "year", _("year")

    @property
    def months(self) -> int:
        return 12 if self == Interval.YEAR else 1


class Rollover(models.TextChoices):
    NONE = "none", _("None: unused credits expire with their period")
    CAPPED = "capped", _("Capped: unused credits stay for some months more")
    ALL = "all", _("All: unused credits don’t expire")


def validate_currency(code: str) -> None:
    """Refuse a currency that Stripe doesn't support."""
    if code not in SUPPORTED:
        raise ValidationError(_("Enter a currency that Stripe accepts, in lower case, such as usd."))


class Plan(TranslatedTexts):
    """A plan for sale: ``credits`` every month, for a price charged every ``interval``.

    Stripe's ids are as those of `billing.packages.models.Package`: the price there never changes, and isn't used while
    it differs from the plan's.
    """

    code = models.SlugField(
        _("code"), max_length=50, unique=True, help_text=_("Permanent: API clients order by this code.")
    )
    credits = models.DecimalField(
        _("credits per month"),
        max_digits=18,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(10**15))],
    )
    price_minor = models.BigIntegerField(_("price in minor units"), validators=[MinValueValidator(1)])
    currency = models.CharField(_("currency"), max_length=3, default="usd", validators=[validate_currency])
    interval = models.CharField(
        _("charged every"), max_length=5, choices=Interval.choices, default=Interval.MONTH
    )
    rollover = models.CharField(_("rollover"), max_length=6, choices=Rollover.choices, default=Rollover.NONE)
    rollover_months = models.PositiveSmallIntegerField(
        _("rollover in months"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_ROLLOVER_MONTHS)],
        help_text=_("For a capped rollover: how long unused credits stay after their period."),
    )
    trial_days = models.PositiveSmallIntegerField(
        _("trial in days"),
        default=0,
        validators=[MaxValueValidator(LONGEST_TRIAL_DAYS)],
        help_text=_("The first charge, and the first credits, come when it ends."),
    )
    display_order = models.PositiveIntegerField(_("display order"), default=0)
    is_active = models.BooleanField(_("on sale"), default=True)
    stripe_product_id = models.CharField(_("Stripe product"), max_length=255, blank=True, editable=False)
    stripe_price_id = models.CharField(_("Stripe price"), max_length=255, blank=True, editable=False)
    stripe_price_minor = models.BigIntegerField(null=True, editable=False)
    stripe_currency = models.CharField(max_length=3, blank=True, editable=False)
    stripe_interval = models.CharField(max_length=5, default=Interval.MONTH, editable=False)

    # A plan is found at Stripe by its code, never adopted by its name.
    awaits_adoption = False

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["display_order", "price_minor", "code"]
        constraints = [
            models.CheckConstraint(condition=Q(credits__gt=0), name="plan_credits_positive"),
            texts_are_an_object("plan_texts_are_an_object"),
            models.CheckConstraint(condition=Q(price_minor__gt=0), name="plan_price_positive"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[a-z]{3}$"), name="plan_currency_is_a_code"
            ),
            models.CheckConstraint(
                condition=Q(rollover="capped", rollover_months__isnull=False, rollover_months__gt=0)
                | ~Q(rollover="capped") & Q(rollover_months__isnull=True),
                name="plan_capped_rollover_has_its_months",
            ),
            models.UniqueConstraint(
                fields=["stripe_product_id"],
                condition=~Q(stripe_product_id=""),
                name="plan_one_per_stripe_product",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a price that Stripe can't charge, and a rollover without its months or with useless ones."""
        if self.price_minor and self.currency in SUPPORTED and (refusal := price_refusal(self.price)):
            raise ValidationError({"price_minor": refusal})
        if (self.rollover == Rollover.CAPPED) != (self.rollover_months is not None):
            raise ValidationError(
                {"rollover_months": _("Enter the months for a capped rollover, and only for one.")}
            )

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def recurring_price(self) -> str:
        return recurring(self.price, self.interval)

    @property
    def period_credits(self) -> Decimal:
        """Return the credits that one charge pays for."""
        return self.credits * Interval(self.interval).months

    @property
    def needs_stripe(self) -> bool:
        """Return whether the plan needs a product at Stripe."""
        return self.is_active

    @property
    def current_price_id(self) -> str:
        """Return the Stripe price of exactly this plan's price; empty if there is none."""
        at_stripe = (self.stripe_price_minor, self.stripe_currency, self.stripe_interval)
        return self.stripe_price_id if at_stripe == (self.price_minor, self.currency, self.interval) else ""


def recurring(price: Money, interval: str) -> str:
    """Return a price with how often it is charged: “$40.00 a month”."""
    said = _("%(price)s a year") if interval == Interval.YEAR else _("%(price)s a month")
    return said % {"price": price}


def expiry_of(period_end: datetime, rollover: str, rollover_months: int | None) -> datetime | None:
    """Return when the credits of a period expire; None if they don't."""
    if rollover == Rollover.ALL:
        return None
    return add_months(period_end, rollover_months or 0)


def add_months(moment: datetime, months: int) -> datetime:
    """Return the same time so many calendar months later, on the month's last day if it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    for day in range(moment.day, 27, -1):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    return moment.replace(year=year, month=month + 1)
