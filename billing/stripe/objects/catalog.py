"""Read products and prices."""

from __future__ import annotations

from dataclasses import dataclass

from billing.provider.objects import Json
from billing.stripe.objects.reading import id_of, reading, text


@dataclass(frozen=True)
class StripeProduct:
    id: str
    name: str
    description: str
    active: bool
    package_code: str
    raw: Json
    default_price_id: str = ""
    plan_code: str = ""

    @classmethod
    def from_json(cls, data: Json) -> StripeProduct:
        with reading("product"):
            return cls(
                id=text(data["id"]),
                name=text(data["name"]),
                description=data["description"] or "",
                active=bool(data["active"]),
                package_code=(data["metadata"] or {}).get("package_code") or "",
                raw=data,
                default_price_id=id_of(data.get("default_price")) or "",
                plan_code=(data["metadata"] or {}).get("plan_code") or "",
            )


@dataclass(frozen=True)
class StripePrice:
    """A price; ``interval`` is empty for a one-time one, else such as “month” or “3 month”. ``tax_behavior`` can be
    set only once; until then it is “unspecified”.
    """

    id: str
    product_id: str
    unit_amount: int | None
    currency: str
    active: bool
    lookup_key: str
    raw: Json
    interval: str = ""
    tax_behavior: str = ""

    @classmethod
    def from_json(cls, data: Json) -> StripePrice:
        with reading("price"):
            return cls(
                id=text(data["id"]),
                product_id=id_of(data["product"]) or "",
                unit_amount=data["unit_amount"],
                currency=text(data["currency"]).lower(),
                active=bool(data["active"]),
                lookup_key=data["lookup_key"] or "",
                raw=data,
                interval=_interval(data.get("recurring")),
                tax_behavior=data.get("tax_behavior") or "",
            )


def _interval(recurring: Json | None) -> str:
    if not recurring:
        return ""
    count = recurring.get("interval_count", 1)
    return text(recurring["interval"]) if count == 1 else f"{count} {recurring['interval']}"
