"""Define the shapes of the purchase API, without rules."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.fields import MoneyField, NumberField, UtcTimeField
from billing.checkout.terms import PurchaseTerms
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.rates.exact_json import ExactNumberField

HIGHEST_LIMIT = 100

PAYMENT_ID = "ID of the accepted payment, or of the latest attempt before that; null if there is none."


class PackageSerializer(serializers.ModelSerializer[Package]):
    package_code = serializers.CharField(source="code", read_only=True)
    package_name = serializers.CharField(source="shown_name", read_only=True)
    description = serializers.CharField(source="shown_description", read_only=True)
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
