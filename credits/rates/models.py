"""Define the rate card: what a unit of a model costs, and the markup on it, each from a date on.

A row is in force from its ``effective_from`` until that of the next row of the same thing. It never changes once in
force: a new price is a new row. So the price at any past moment can be looked up, and the database refuses to rewrite
it. Planned rows may be changed or withdrawn.
"""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from credits.formatting import credits_amount
from credits.rates.guards import keeps_its_past

PROVIDER = r"^[a-z0-9][a-z0-9._-]{0,49}$"
# No slash: models of one name are told apart as provider/model.
MODEL = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"
PRICE_PLACES = 12
PRICE_BELOW = Decimal(10) ** 12
LARGEST_PER = 10**9
LARGEST_PERCENT = 1000
# Used when no row applies, which is only before the first one's date.
DEFAULT_PERCENT = Decimal(15)


class Unit(models.TextChoices):
    """The units that are counted."""

    INPUT_TOKENS = "input_tokens", _("input tokens")
    OUTPUT_TOKENS = "output_tokens", _("output tokens")
    IMAGES = "images", _("images")
    SECONDS = "seconds", _("seconds")
    REQUESTS = "requests", _("requests")


class Level(models.TextChoices):
    """The scope of a markup. The narrowest one wins."""

    GLOBAL = "global", _("everything")
    PROVIDER = "provider", _("a provider")
    MODEL = "model", _("a model")


def _effective_from() -> models.DateTimeField:  # type: ignore[type-arg]  # django-stubs types it by its values
    return models.DateTimeField(_("effective from"))


class Rate(models.Model):
    """The price of a model or action: ``price`` credits for ``per`` units, before the markup.

    The price is for a stated quantity (1.25 credits for 1,000 tokens), so that small prices need no rounding. Without
    a price the unit is off the card from then on.
    """

    provider = models.CharField(
        _("provider"),
        max_length=50,
        validators=[RegexValidator(PROVIDER, _("Lower-case letters, digits, dots, - and _."))],
    )
    model = models.CharField(
        _("model or action"),
        max_length=100,
        validators=[RegexValidator(MODEL, _("Letters, digits, dots, colons, - and _."))],
        help_text=_("The name services use to report usage."),
    )
    unit = models.CharField(_("unit"), max_length=20, choices=Unit.choices)
    price = models.DecimalField(
        _("price in credits"),
        max_digits=24,
        decimal_places=PRICE_PLACES,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text=_("For the number of units below, before markup."),
    )
    per = models.PositiveIntegerField(
        _("units per price"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PER)],
        help_text=_("Such as 1000 for a price per thousand tokens, or 60 for one per minute."),
    )
    effective_from = _effective_from()

    class Meta:
        verbose_name = _("rate")
        verbose_name_plural = _("rates")
        ordering = ["provider", "model", "unit", "-effective_from"]
        constraints = [
            # Its index also serves price look-ups: the model first.
            models.UniqueConstraint(
                fields=["model", "provider", "unit", "effective_from"],
                name="rates_rate_one_per_moment",
                violation_error_message=_("This unit already has a rate from this moment."),
            ),
            models.CheckConstraint(
                condition=Q(price__isnull=True) | Q(price__gte=0, price__lt=PRICE_BELOW),
                name="rates_rate_price_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(per__gte=1, per__lte=LARGEST_PER), name="rates_rate_per_a_positive_number"
            ),
            models.CheckConstraint(condition=Q(unit__in=Unit.values), name="rates_rate_unit_is_known"),
            models.CheckConstraint(
                condition=Q(provider__regex=PROVIDER, model__regex=MODEL), name="rates_rate_names_are_plain"
            ),
        ]
        triggers = keeps_its_past()

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}: {self.get_unit_display()}"

    @property
    def price_in_words(self) -> str:
        """Return the price for reading: 1.25 per 1,000, 40 each."""
        if self.price is None:
            return str(_("not offered"))
        price = credits_amount(self.price)
        if self.per == 1:
            return str(_("%(price)s each") % {"price": price})
        return str(_("%(price)s per %(per)s") % {"price": price, "per": credits_amount(Decimal(self.per))})


class Markup(models.Model):
    """A percentage added to the rates: for a model, for all of a provider, or for everything.

    Without a percentage the next wider one applies from then on.
    """

    provider = models.CharField(
        _("provider"),
        max_length=50,
        blank=True,
        default="",
        validators=[RegexValidator(PROVIDER, _("Lower-case letters, digits, dots, - and _."))],
        help_text=_("Leave blank for everything."),
    )
    model = models.CharField(
        _("model or action"),
        max_length=100,
        blank=True,
        default="",
        validators=[RegexValidator(MODEL, _("Letters, digits, dots, colons, - and _."))],
        help_text=_("Leave blank for all of the provider’s."),
    )
    percent = models.DecimalField(
        _("markup (%)"),
        max_digits=8,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(LARGEST_PERCENT))],
    )
    effective_from = _effective_from()

    class Meta:
        verbose_name = _("markup")
        verbose_name_plural = _("markups")
        ordering = ["provider", "model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model", "effective_from"],
                name="rates_markup_one_per_moment",
                violation_error_message=_("There is already a markup from this moment."),
            ),
            models.CheckConstraint(
                condition=Q(percent__isnull=True) | Q(percent__gte=0, percent__lte=LARGEST_PERCENT),
                name="rates_markup_percent_within_bounds",
                violation_error_message=_("Enter a markup from 0 to 1,000 percent."),
            ),
            models.CheckConstraint(
                condition=Q(percent__isnull=False) | ~Q(provider=""),
                name="rates_markup_for_everything_has_a_percentage",
                violation_error_message=_("Enter a percentage for the general markup, even if it is 0."),
            ),
            models.CheckConstraint(
                condition=Q(model="") | ~Q(provider=""),
                name="rates_markup_model_has_a_provider",
                violation_error_message=_("Enter the model’s provider as well."),
            ),
        ]
        triggers = keeps_its_past()

    def __str__(self) -> str:
        return "/".join(filter(None, (self.provider, self.model))) or str(Level.GLOBAL.label)

    @property
    def level(self) -> Level:
        if self.model:
            return Level.MODEL
        return Level.PROVIDER if self.provider else Level.GLOBAL

    @property
    def percent_in_words(self) -> str:
        return str(_("inherited")) if self.percent is None else f"{credits_amount(self.percent)}%"
