"""Credit packs: what is on sale."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from billing.currencies import SUPPORTED, THREE_DECIMAL, WHOLE
from billing.money import Money, price_refusal

# A hundred years. An expiry past the year 9999 is none that can be stored, and would keep a paid purchase from its end.
LONGEST_VALIDITY_DAYS = 36500


# How Stripe's own ids look. One that somebody chose for a product looks otherwise, and is found by its name.
PRODUCT_ID = r"^prod_[A-Za-z0-9]{1,250}$"
PRICE_ID = r"^price_[A-Za-z0-9]{1,249}$"


def validate_currency(code: str) -> None:
    """Refuse a currency that Stripe doesn't take."""
    if code not in SUPPORTED:
        raise ValidationError(_("Enter a currency that Stripe accepts, in lower case, such as usd."))


class Package(models.Model):
    """A pack of credits at a price.

    Stripe's ids are plain text and no foreign keys: a product that is deleted at Stripe must not take a row of ours
    with it. A Stripe price never changes its amount, so ``stripe_price_minor`` and ``stripe_currency`` say what
    ``stripe_price_id`` stands for: when they differ from the package's price, it isn't used until the next sync.
    """

    class Badge(models.TextChoices):
        NONE = "", _("none")
        POPULAR = "popular", _("Popular")
        BEST_VALUE = "best_value", _("Best value")

    code = models.SlugField(
        _("code"), max_length=50, unique=True, help_text=_("Permanent: API clients order by this code.")
    )
    name = models.CharField(_("name"), max_length=100)
    description = models.CharField(_("description"), max_length=500, blank=True)
    credits = models.DecimalField(_("credits"), max_digits=18, decimal_places=2)
    price_minor = models.BigIntegerField(
        _("price in minor units"),
        validators=[MinValueValidator(0)],
        help_text=_("In the currency’s smallest unit: 4500 means $45.00 or ¥4500."),
    )
    currency = models.CharField(
        _("currency"),
        max_length=3,
        default="usd",
        validators=[validate_currency],
    )
    badge = models.CharField(_("badge"), max_length=20, choices=Badge.choices, blank=True, default=Badge.NONE)
    display_order = models.PositiveIntegerField(_("display order"), default=0)
    is_active = models.BooleanField(_("on sale"), default=True)
    validity_days = models.PositiveIntegerField(
        _("validity in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_VALIDITY_DAYS)],
        help_text=_("Leave blank for credits that don’t expire."),
    )
    repeatable = models.BooleanField(
        _("repeatable"),
        default=False,
        db_default=False,
        help_text=_("For free packages only; if off, each customer and team can claim it once."),
    )
    stripe_product_id = models.CharField(_("Stripe product"), max_length=255, blank=True, editable=False)
    stripe_price_id = models.CharField(_("Stripe price"), max_length=255, blank=True, editable=False)
    # The ids above were given by a person, and no sync has confirmed them yet.
    awaits_adoption = models.BooleanField(default=False, db_default=False, editable=False)
    stripe_price_minor = models.BigIntegerField(null=True, editable=False)
    stripe_currency = models.CharField(max_length=3, blank=True, editable=False)

    class Meta:
        verbose_name = _("package")
        verbose_name_plural = _("packages")
        ordering = ["display_order", "price_minor", "code"]
        constraints = [
            models.CheckConstraint(condition=Q(credits__gt=0), name="package_credits_positive"),
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="package_price_not_negative"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[a-z]{3}$"), name="package_currency_is_a_code"
            ),
            models.CheckConstraint(
                # The rules of `price_refusal` that never change. Off sale stays what was there before them.
                condition=Q(is_active=False)
                | (~Q(currency__in=sorted(THREE_DECIMAL)) | Exact(F("price_minor") % 10, 0))
                & (~Q(currency__in=sorted(WHOLE)) | Exact(F("price_minor") % 100, 0)),
                name="package_price_on_sale_can_be_paid",
            ),
            models.CheckConstraint(
                condition=Q(validity_days__isnull=True)
                | Q(validity_days__gte=1, validity_days__lte=LONGEST_VALIDITY_DAYS),
                name="package_validity_is_bounded",
            ),
            models.UniqueConstraint(
                fields=["stripe_product_id"],
                condition=~Q(stripe_product_id=""),
                name="package_one_per_stripe_product",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a price that nobody could pay at Stripe."""
        if self.price_minor is not None and (refusal := price_refusal(self.price)):
            raise ValidationError({"price_minor": refusal})

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def is_popular(self) -> bool:
        return self.badge == self.Badge.POPULAR

    def give_stripe_ids(self, product_id: str, price_id: str) -> None:
        """Has the next sync take over this product and price, where they aren't the package's already. Empty ones ask
        for nothing. Not saved yet.
        """
        if not product_id or product_id == self.stripe_product_id:
            return
        self.stripe_product_id, self.stripe_price_id = product_id, price_id
        self.stripe_price_minor, self.stripe_currency = None, ""
        self.awaits_adoption = True

    @property
    def current_product_id(self) -> str:
        """The Stripe product to sell by; empty while there is none that is known to exist."""
        return "" if self.awaits_adoption else self.stripe_product_id

    @property
    def needs_stripe(self) -> bool:
        """Tell whether Stripe has to know it: what is free is never paid there."""
        return self.is_active and self.price_minor > 0

    @property
    def current_price_id(self) -> str:
        """The Stripe price that stands for exactly this package's price; empty when there is none."""
        synced = (self.stripe_price_minor, self.stripe_currency) == (self.price_minor, self.currency)
        return self.stripe_price_id if synced else ""
