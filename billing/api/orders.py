"""Define the shapes of an order and of its quote, without rules."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.fields import MoneyField, NumberField
from billing.checkout.bundles import OrderItem
from billing.checkout.seen_offers import SeenOffer
from billing.checkout.terms import HIGHEST_QUANTITY, PurchaseTerms
from billing.discounts.models import LONGEST_CODE
from billing.gift_codes.models import LONGEST_EMAIL, LONGEST_MESSAGE, LONGEST_NAME
from billing.gift_codes.ordering import GiftWish
from billing.tax import tax_behavior
from core.amounts.api_fields import AmountField


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
