"""What the purchase API takes and gives. Shapes only; no rules."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.fields import MoneyField, NumberField, UtcTimeField
from billing.checkout.seen_offers import SeenOffer
from billing.packages.models import Package
from billing.purchases.models import Purchase
from core.amounts.api_fields import AmountField
from credits.rates.exact_json import ExactNumberField

HIGHEST_LIMIT = 100

PAYMENT_ID = "Of the payment that was accepted, before that of the newest; null before the first attempt."


class PackageSerializer(serializers.ModelSerializer[Package]):
    package_code = serializers.CharField(source="code", read_only=True)
    package_name = serializers.CharField(source="name", read_only=True)
    credits = NumberField()
    price = MoneyField()
    price_usd = serializers.SerializerMethodField(help_text="The price when it is in US dollars, else null.")
    discount_percentage = serializers.SerializerMethodField(
        help_text="What the price is below the smallest pack's rate, in per cent."
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
            "price",
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

    @extend_schema_field(OpenApiTypes.DOUBLE)
    def get_discount_percentage(self, package: Package) -> int | float:
        return NumberField().to_representation(self.context["discounts"][package.pk])

    def get_price_usd(self, package: Package) -> float | None:
        return float(package.price.major) if package.currency == "usd" else None


class PackageQuerySerializer(serializers.Serializer[Any]):
    include_inactive = serializers.BooleanField(
        default=False, help_text="Packages off sale too. Admins only."
    )


class OrderSerializer(serializers.Serializer[Any]):
    """An order for one package."""

    package_code = serializers.CharField(max_length=50)
    success_url = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="Where to go after paying. {CHECKOUT_SESSION_ID} in it is replaced. Only to allowed hosts.",
    )
    cancel_url = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    team = serializers.UUIDField(
        source="team_id", required=False, help_text="A team of the buyer's: the credits go to its account."
    )
    price = AmountField(
        max_digits=20,
        decimal_places=3,
        required=False,
        help_text="What the buyer was shown, as are currency and credits: where it has changed, nothing is bought.",
    )
    currency = serializers.CharField(max_length=3, required=False)
    credits = AmountField(max_digits=20, decimal_places=2, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Give the fields of a `PurchaseOrder`."""
        seen = SeenOffer(attrs.pop("price", None), attrs.pop("currency", None), attrs.pop("credits", None))
        return {**attrs, "seen": seen}


class StartedPurchaseSerializer(serializers.Serializer[Any]):
    checkout_url = serializers.CharField(read_only=True)
    session_id = serializers.CharField(read_only=True)
    purchase_id = serializers.UUIDField(source="purchase.pk", read_only=True)


class SessionSerializer(serializers.Serializer[Any]):
    """A checkout session and its purchase. ``amount_total`` is in the currency's smallest unit, as at Stripe."""

    session_id = serializers.CharField(source="session_reference", read_only=True)
    purchase_id = serializers.UUIDField(source="pk", read_only=True)
    status = serializers.ChoiceField(choices=Purchase.Status.choices, read_only=True)
    payment_status = serializers.CharField(read_only=True)
    amount_total = serializers.IntegerField(read_only=True)
    currency = serializers.CharField(read_only=True)
    package_name = serializers.CharField(read_only=True)
    credits = NumberField()
    credited = serializers.SerializerMethodField(help_text="Whether the credits are in the account.")
    needs_attention = serializers.SerializerMethodField(
        help_text="Staff have to look at it: mostly, it was paid and held back."
    )
    completed_at = UtcTimeField(allow_null=True)
    stripe_payment_id = serializers.CharField(
        source="stripe_payment_intent_id", read_only=True, allow_null=True, help_text=PAYMENT_ID
    )

    def get_credited(self, purchase: Purchase) -> bool:
        return purchase.is_credited

    def get_needs_attention(self, purchase: Purchase) -> bool:
        return bool(purchase.attention)


class PageQuerySerializer(serializers.Serializer[Any]):
    """A slice of a list: ``limit`` rows (100 at most) from ``offset`` on, of one status or of any."""

    limit = serializers.IntegerField(default=50, min_value=1)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=10_000_000)
    status = serializers.ChoiceField(choices=Purchase.Status.choices, required=False, allow_blank=True)

    def validate_limit(self, limit: int) -> int:
        return min(limit, HIGHEST_LIMIT)


class HistoryQuerySerializer(PageQuerySerializer):
    team = serializers.UUIDField(
        required=False,
        help_text="A team of the caller's: what anybody bought for it. Without: what they bought.",
    )


class AdminPageQuerySerializer(PageQuerySerializer):
    limit = serializers.IntegerField(default=100, min_value=1)


class PurchaseSerializer(serializers.ModelSerializer[Purchase]):
    """One purchase of the history. Amounts are in the currency's main unit (dollars)."""

    amount_credits = NumberField(source="credits")
    team = serializers.UUIDField(
        source="account.team_id",
        read_only=True,
        allow_null=True,
        help_text="The team that it was bought for.",
    )
    amount_paid = serializers.SerializerMethodField(help_text="What was paid; 0 until it is.")
    price = MoneyField()
    discount_applied = MoneyField(source="discount", help_text="The list price less the price.")
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
            "amount_paid",
            "price",
            "discount_applied",
            "currency",
            "status",
            "created_at",
            "completed_at",
            "stripe_payment_id",
        ]
        read_only_fields = fields

    def get_amount_paid(self, purchase: Purchase) -> float:
        return float(purchase.price.major) if purchase.is_credited else 0.0


class BuyerSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(read_only=True)
    username = serializers.CharField(read_only=True)
    email = serializers.EmailField(read_only=True)
    sub = serializers.CharField(
        source="oidc_sub", read_only=True, allow_null=True, help_text="The OpenID provider's subject."
    )


class AdminPurchaseSerializer(PurchaseSerializer):
    """As in the history, with its buyer (null once erased) and what staff should look at."""

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
    """To the last digit, as services read it: a balance that is cut at two decimals and one that isn't don't agree."""

    account = serializers.UUIDField(source="account_id", read_only=True, allow_null=True)
    balance = ExactNumberField()
    available = ExactNumberField(help_text="What can be spent now: the balance less what is held.")
    held = ExactNumberField()
    lifetime_purchased = ExactNumberField(
        help_text="All credits that purchases ever brought. Gifts and credits given by staff don't count."
    )


class ReceivedSerializer(serializers.Serializer[Any]):
    received = serializers.BooleanField(read_only=True)
