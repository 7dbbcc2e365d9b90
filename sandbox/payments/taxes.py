"""Calculate tax by a small table, as Stripe Tax does by a large one. The seller is in Germany."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from sandbox.shapes import Json, make_object

_SELLER = "DE"
_PERCENT = {"DE": Decimal(19), "ES": Decimal(21), "FR": Decimal(20), "GB": Decimal(20)}
_PERCENT_OF_STATE = {("US", "CA"): Decimal("8.25")}
_EU = frozenset("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())


@dataclass(frozen=True)
class Rate:
    """Hold the tax at a place, in percent, and Stripe's reason for it."""

    percent: Decimal
    reason: str
    country: str


def find_rate(address: Json, tax_ids: list[Json]) -> Rate:
    """Return the tax at an address. A business elsewhere in the EU, with a tax id, pays it by itself."""
    country = address["country"]
    if country in _EU and country != _SELLER and any(each["type"] == "eu_vat" for each in tax_ids):
        return Rate(Decimal(0), "reverse_charge", country)
    percent = _PERCENT.get(country) or _PERCENT_OF_STATE.get(
        (country, address.get("state") or ""), Decimal(0)
    )
    return Rate(percent, "standard_rated" if percent else "not_collecting", country)


def take_tax(amount: int, percent: Decimal, *, inclusive: bool) -> int:
    """Return the tax in an amount, or on top of it, rounded to the smallest unit."""
    divisor = 100 + percent if inclusive else Decimal(100)
    return int((amount * percent / divisor).quantize(Decimal(1), ROUND_HALF_UP))


def is_inclusive(price: Json) -> bool:
    """Tell whether a price includes tax. One that doesn't say so excludes it, as the account's default here."""
    return bool(price["tax_behavior"] == "inclusive")


def describe_rate(rate: Rate, *, inclusive: bool) -> Json:
    """Return Stripe's object of a tax rate."""
    name = "VAT" if rate.country != "US" else "Sales Tax"
    return make_object(
        "tax_rate",
        country=rate.country,
        display_name=name,
        inclusive=inclusive,
        percentage=float(rate.percent),
        effective_percentage=float(rate.percent),
    )
