"""Define the shapes of the purchase API, without rules."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.fields import MoneyField, NumberField, UtcTimeField
from billing.checkout.bundles import OrderItem
from billing.checkout.seen_offers import SeenOffer
from billing.checkout.terms import HIGHEST_QUANTITY, PurchaseTerms
from billing.discounts.models import LONGEST_CODE
from billing.gift_codes.models import LONGEST_EMAIL, LONGEST_MESSAGE, LONGEST_NAME
from billing.gift_codes.ordering import GiftWish
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.tax import tax_behavior
from core.amounts.api_fields import AmountField
from credits.rates.exact_json import ExactNumberField

HIGHEST_LIMIT = 100

PAYMENT_ID = "ID of the accepted payment, or of the latest attempt before that; null if there is none."


class PackageSerializer(serializers.ModelSerializer[Package]):
    package_code = serializers.CharField(source="code", read_only=True)
    package_name = serializers.CharField(source="name", read_only=True)
    credits = NumberField()
    bonus_credits = NumberField(help_text="Promotional credits on top of `credits`.")
    price = serializers.SerializerMethodField(
        help_text="What it costs now: less than `regular_price` in a sale."
    )
    regular_price = MoneyField(source="price")
    struck_price = serializers.SerializerMethodField(
        help_text="The old price that a sale's price may be shown beside: the lowest that was asked within the 30 days "
        "before the sale; null without one."
    )
    sale_ends_at = serializers.SerializerMethodField(help_text="When the sale ends that it is in; else null.")
    price_usd = serializers.SerializerMethodField(help_text="The price if it is in US dollars, else null.")
    discount_percentage = serializers.SerializerMethodField(
        help_text="Discount against the smallest package's rate, in percent."
    )
    is_popular = serializers.BooleanField(read_only=True)

    class Meta:
        model = Package
        fields = [
            "id",
            "package_code",
            "package_name",
            "description",
            "credits",
            "bonus_credits",
            "bonus_validity_days",
            "price",
            "regular_price",
            "struck_price",
            "sale_ends_at",
            "currency",
            "price_usd",
            "discount_percentage",
            "is_active",
            "is_popular",
            "badge",
            "display_order",
            "validity_days",
            "repeatable",
            "stripe_price_id",
            "stripe_product_id",
        ]
        read_only_fields = fields

    def _terms(self, package: Package) -> PurchaseTerms:
        return cast(PurchaseTerms, self.context["terms"][package.pk])

    def get_price(self, package: Package) -> float:
        return float(self._terms(package).price.major)

    def get_struck_price(self, package: Package) -> float | None:
        struck = self.context["struck"].get(package.pk)
        return float(struck.major) if struck else None

    @extend_schema_field(UtcTimeField(allow_null=True))
    def get_sale_ends_at(self, package: Package) -> str | None:
        sale = self._terms(package).sale
        return UtcTimeField().to_representation(sale.ends_at) if sale else None

    @extend_schema_field(OpenApiTypes.DOUBLE)
    def get_discount_percentage(self, package: Package) -> int | float:
        return NumberField().to_representation(self._terms(package).discount_percentage)

    def get_price_usd(self, package: Package) -> float | None:
        return self.get_price(package) if package.currency == "usd" else None


class PackageQuerySerializer(serializers.Serializer[Any]):
    currency = serializers.CharField(
        max_length=3, required=False, help_text="Only those that are sold in this currency, priced in it."
    )
    include_inactive = serializers.BooleanField(
        default=False, help_text="Include packages off sale (admins only)."
    )


class OrderItemSerializer(serializers.Serializer[Any]):
    package_code = serializers.CharField(max_length=50)
    quantity = serializers.IntegerField(default=1, min_value=1, max_value=HIGHEST_QUANTITY)


class GiftSerializer(serializers.Serializer[Any]):
    """Who gets a gift, and on which day of the buyer's time zone; without one, once it is paid."""

    email = serializers.CharField(max_length=LONGEST_EMAIL)
    name = serializers.CharField(max_length=LONGEST_NAME, required=False, allow_blank=True)
    message = serializers.CharField(max_length=LONGEST_MESSAGE, required=False, allow_blank=True)
    on = serializers.DateField(required=False, help_text="From today to a year ahead.")


class OrderSerializer(serializers.Serializer[Any]):
    """An order for one package, for several, or for an amount and its currency."""

    package_code = serializers.CharField(max_length=50, required=False)
    items = OrderItemSerializer(
        many=True,
        required=False,
        allow_empty=False,
        help_text="In place of `package_code`: several packages, paid at once and each a lot of its own.",
    )
    amount = AmountField(
        max_digits=20,
        decimal_places=3,
        required=False,
        help_text="In place of a package: what the buyer pays, in the main unit of `currency`.",
    )
    success_url = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="Where to send the buyer after paying, on an allowed host. {CHECKOUT_SESSION_ID} is replaced.",
    )
    cancel_url = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    team = serializers.UUIDField(
        source="team_id", required=False, help_text="One of the buyer's teams, to receive the credits."
    )
    price = AmountField(
        max_digits=20,
        decimal_places=3,
        required=False,
        help_text="The price shown to the buyer. If it, the currency or the credits have changed, nothing is "
        "bought.",
    )
    currency = serializers.CharField(max_length=3, required=False)
    credits = AmountField(max_digits=20, decimal_places=2, required=False)
    quantity = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=HIGHEST_QUANTITY,
        help_text="How many of the package; 1 if not sent.",
    )
    discount_code = serializers.CharField(
        max_length=LONGEST_CODE,
        required=False,
        allow_blank=True,
        help_text="In any case: spring-20 is SPRING-20.",
    )

    gift = GiftSerializer(required=False, help_text="Buy it for somebody else, who gets a code by email.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a `PurchaseOrder`."""
        if "gift" in attrs:
            attrs["gift"] = GiftWish(**attrs["gift"])
        if "amount" in attrs:
            attrs["currency"] = self._currency_of_amount(attrs)
        elif "items" in attrs:
            attrs["items"] = self._items(attrs)
        elif "package_code" not in attrs:
            raise _missing("package_code")
        seen = SeenOffer(attrs.pop("price", None), attrs.get("currency"), attrs.pop("credits", None))
        return {**attrs, "seen": seen}

    def _items(self, attrs: dict[str, Any]) -> tuple[OrderItem, ...]:
        for field in ("package_code", "quantity"):
            if field in attrs:
                raise serializers.ValidationError({field: "Send either it or items, not both."})
        return tuple(OrderItem(**each) for each in attrs["items"])

    def _currency_of_amount(self, attrs: dict[str, Any]) -> str:
        for field in ("package_code", "items"):
            if field in attrs:
                raise serializers.ValidationError({"amount": f"Send either {field} or amount, not both."})
        if "quantity" in attrs:
            raise serializers.ValidationError({"quantity": "Send a quantity for a package only."})
        if "currency" not in attrs:
            raise _missing("currency")
        return str(attrs["currency"]).lower()


def _missing(field: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: "This field is required."}, code="required")


class QuoteQuerySerializer(serializers.Serializer[Any]):
    amount = AmountField(
        max_digits=20,
        decimal_places=3,
        required=False,
        help_text="What the buyer would pay, in the main unit.",
    )
    currency = serializers.CharField(max_length=3)

    def validate_currency(self, currency: str) -> str:
        return currency.lower()


class QuoteSerializer(serializers.Serializer[Any]):
    """What an amount buys, if one was sent, and which amounts can be bought, in the currency's main unit."""

    credits = NumberField(source="priced.credits", allow_null=True)
    bonus_credits = NumberField(source="priced.bonus_credits", allow_null=True)
    price = MoneyField(source="priced.price", allow_null=True)
    currency = serializers.CharField(source="limits.currency", read_only=True)
    discount_percentage = NumberField(source="priced.discount_percentage", allow_null=True)
    validity_days = serializers.IntegerField(source="limits.validity_days", read_only=True, allow_null=True)
    minimum = MoneyField(source="limits.minimum")
    maximum = MoneyField(source="limits.maximum")
    increment = MoneyField(source="limits.increment")


class OrderQuoteSerializer(serializers.Serializer[PurchaseTerms]):
    """What an order costs now, in the currency's main unit: ``list`` less ``discount`` is the ``total``."""

    list = MoneyField(
        source="regular", help_text="The regular price, without sale, multi-buy and discount code."
    )
    discount = MoneyField(source="reduction", help_text="What sale, multi-buy and discount code take off.")
    bonus_credits = NumberField(help_text="Promotional credits on top of `credits`.")
    tax = serializers.SerializerMethodField(help_text="Always 0: only the checkout knows the tax.")
    tax_calculated = serializers.SerializerMethodField(
        help_text="`at_checkout`: the checkout calculates tax, by the buyer's address. `never`: there is none."
    )
    total = MoneyField(source="price")
    currency = serializers.CharField(source="price.currency", read_only=True)
    credits = NumberField()
    sale = serializers.CharField(
        source="sale_name", read_only=True, help_text="The sale's name; empty if in none."
    )
    multi_buy = serializers.SerializerMethodField(
        help_text="The name of the multi-buy that makes packages free; empty if there is none."
    )

    def get_multi_buy(self, terms: PurchaseTerms) -> str:
        return terms.multi_buy.name if terms.multi_buy else ""

    def get_tax(self, terms: PurchaseTerms) -> float:
        return 0.0

    @extend_schema_field(serializers.ChoiceField(["at_checkout", "never"]))
    def get_tax_calculated(self, terms: PurchaseTerms) -> str:
        return "at_checkout" if terms.price.minor and tax_behavior(terms.price.currency) else "never"


class StartedPurchaseSerializer(serializers.Serializer[Any]):
    checkout_url = serializers.CharField(read_only=True)
    session_id = serializers.CharField(read_only=True)
    purchase_id = serializers.UUIDField(source="purchase.pk", read_only=True)


class SessionSerializer(serializers.Serializer[Any]):
    """A checkout session and its purchase. ``amount_total`` is in the currency's smallest unit, as in Stripe."""

    session_id = serializers.CharField(source="session_reference", read_only=True)
    purchase_id = serializers.UUIDField(source="pk", read_only=True)
    status = serializers.ChoiceField(choices=Purchase.Status.choices, read_only=True)
    payment_status = serializers.CharField(read_only=True)
    amount_total = serializers.IntegerField(read_only=True)
    currency = serializers.CharField(read_only=True)
    package_name = serializers.CharField(read_only=True)
    credits = NumberField()
    bonus_credits = NumberField()
    credited = serializers.BooleanField(
        source="is_credited", read_only=True, help_text="Whether the credits have been added."
    )
    needs_attention = serializers.SerializerMethodField(
        help_text="Whether staff must look at it, usually because it was paid but not credited."
    )
    completed_at = UtcTimeField(allow_null=True)
    stripe_payment_id = serializers.CharField(
        source="stripe_payment_intent_id", read_only=True, allow_null=True, help_text=PAYMENT_ID
    )

    def get_needs_attention(self, purchase: Purchase) -> bool:
        return bool(purchase.attention)


class PageQuerySerializer(serializers.Serializer[Any]):
    """A page of a list: at most ``limit`` rows (up to 100) from ``offset``, optionally of one status."""

    limit = serializers.IntegerField(default=50, min_value=1)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=10_000_000)
    status = serializers.ChoiceField(choices=Purchase.Status.choices, required=False, allow_blank=True)

    def validate_limit(self, limit: int) -> int:
        return min(limit, HIGHEST_LIMIT)


class HistoryQuerySerializer(PageQuerySerializer):
    team = serializers.UUIDField(
        required=False,
        help_text="List purchases for one of your teams instead of your own.",
    )


class AdminPageQuerySerializer(PageQuerySerializer):
    limit = serializers.IntegerField(default=100, min_value=1)


class PurchaseSerializer(serializers.ModelSerializer[Purchase]):
    """One purchase. Amounts are in the currency's main unit (dollars)."""

    amount_credits = NumberField(source="credits", help_text="Those that the price buys.")
    bonus_credits = NumberField(help_text="Promotional credits on top.")
    team = serializers.UUIDField(
        source="account.team_id",
        read_only=True,
        allow_null=True,
        help_text="The team it was bought for.",
    )
    amount_paid = serializers.SerializerMethodField(help_text="Amount paid; 0 until paid.")
    price = MoneyField()
    tax = MoneyField(help_text="The tax in `amount_paid`.")
    promotion = MoneyField(help_text="What a promotion code of Stripe's took off the price.")
    discount_applied = serializers.SerializerMethodField(
        help_text="The price at the smallest package's rate, less the price."
    )
    created_at = UtcTimeField()
    completed_at = UtcTimeField(allow_null=True)
    stripe_payment_id = serializers.CharField(
        source="stripe_payment_intent_id", read_only=True, allow_null=True, help_text=PAYMENT_ID
    )

    class Meta:
        model = Purchase
        fields = [
            "id",
            "package_code",
            "package_name",
            "team",
            "amount_credits",
            "bonus_credits",
            "amount_paid",
            "price",
            "tax",
            "promotion",
            "discount_applied",
            "currency",
            "status",
            "created_at",
            "completed_at",
            "stripe_payment_id",
        ]
        read_only_fields = fields

    def get_amount_paid(self, purchase: Purchase) -> float:
        return float(purchase.paid.major) if purchase.is_credited else 0.0

    def get_discount_applied(self, purchase: Purchase) -> float:
        return float(purchase.list_price.major - purchase.price.major)


class BuyerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    username = serializers.CharField(read_only=True)
    email = serializers.EmailField(read_only=True)
    sub = serializers.CharField(
        source="oidc_sub", read_only=True, allow_null=True, help_text="OpenID Connect subject."
    )


class AdminPurchaseSerializer(PurchaseSerializer):
    """A purchase with its buyer (null once erased) and what needs attention."""

    user = BuyerSerializer(read_only=True, allow_null=True)

    class Meta(PurchaseSerializer.Meta):
        fields = [
            *PurchaseSerializer.Meta.fields,
            "user",
            "attention",
            "attention_detail",
            "stripe_session_id",
        ]
        read_only_fields = fields


class BalanceSerializer(serializers.Serializer[Any]):
    """A balance with all its decimals, as services get it: rounded to two, they would differ."""

    account = serializers.UUIDField(source="account_id", read_only=True, allow_null=True)
    balance = ExactNumberField()
    available = ExactNumberField(help_text="Credits available to spend: balance less held.")
    held = ExactNumberField()
    lifetime_purchased = ExactNumberField(
        help_text="Total credits ever purchased, excluding gifts and adjustments."
    )


class ReceivedSerializer(serializers.Serializer[Any]):
    received = serializers.BooleanField(read_only=True)
