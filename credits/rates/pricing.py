"""Price a usage.

    exact  = (sum of quantity x price / per) x (100 + markup) / 100
    amount = exact, rounded once, at the end, by the one rule of credits: half to even, six places

Everything before that rounding is exact: fractions of whole numbers, never a float. What costs something, but less
than half of a millionth, costs a millionth: rounding never makes work free. What costs nothing because its prices are
zero costs exactly 0, which no spend can book.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_05UP, ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

from credits.amounts import LARGEST, QUANTUM, round_credits
from credits.formatting import plain
from credits.rates.errors import InvalidUsage, UnknownUnit
from credits.rates.models import PRICE_PLACES, Level, Unit
from credits.rates.selectors import ModelCard, card_of

LARGEST_QUANTITY = 10**15
SECOND_PLACES = 6
# An endless division is cut here, 36 digits below the last one that counts. ROUND_05UP keeps a cut number from looking
# like a tie, so that the final rounding gives the same as for the exact value.
CUT = Context(prec=60, rounding=ROUND_05UP)
LAST_PLACE = Decimal(1).scaleb(-PRICE_PLACES)
HUNDRED = 100


@dataclass(frozen=True)
class PriceLine:
    """One unit's part. ``amount`` is before the markup and for reading only, to twelve places."""

    unit: str
    quantity: Decimal
    price: Decimal
    per: int
    amount: Decimal
    rate_id: int


@dataclass(frozen=True)
class Price:
    """The price of a usage, and what it is made of.

    ``effective_from`` is since when all of it has been in force. ``markup_id`` is None if no markup is stored.
    """

    provider: str
    model: str
    amount: Decimal
    lines: tuple[PriceLine, ...]
    markup_percent: Decimal
    markup_level: Level
    markup_id: int | None
    effective_from: datetime

    def as_metadata(self) -> dict[str, Any]:
        """Return what a spend keeps in its entry: JSON, every amount as a plain decimal string."""
        return {
            "provider": self.provider,
            "model": self.model,
            "amount": plain(self.amount),
            "lines": [_line_as_metadata(line) for line in self.lines],
            "markup": {
                "percent": plain(self.markup_percent),
                "level": self.markup_level.value,
                "id": self.markup_id,
            },
            "effective_from": self.effective_from.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }


def _line_as_metadata(line: PriceLine) -> dict[str, Any]:
    return {
        "unit": line.unit,
        "quantity": plain(line.quantity),
        "price": plain(line.price),
        "per": line.per,
        "amount": plain(line.amount),
        "rate": line.rate_id,
    }


def price_usage(model: str, usage: Mapping[str, Decimal | int], at: datetime | None = None) -> Price:
    """Return what the usage of a model or action costs now, or ``at`` a moment. One query.

    ``usage`` has a quantity for each unit: ``{"input_tokens": 1200, "output_tokens": 350}``. Quantities are whole
    numbers; those of seconds have up to six places.

    Raises:
        UnknownModel: nothing of this name has a price at that moment.
        AmbiguousModel: several providers have it: request provider/model.
        UnknownUnit: the model has no price for a unit of the usage.
        InvalidUsage: nothing was used; a quantity is negative, too large, a float, or not whole.
    """
    return price_with(card_of(model, at), usage)


def price_with(card: ModelCard, usage: Mapping[str, Decimal | int]) -> Price:
    """Return the price by a card that was read before. Raises `UnknownUnit` and `InvalidUsage`."""
    lines, exact = [], Fraction(0)
    for unit, quantity in _checked(usage).items():
        rate = card.rates.get(unit)
        if rate is None:
            raise _unknown_unit(unit, card)
        part = Fraction(quantity) * Fraction(rate.price) / rate.per
        exact += part
        lines.append(PriceLine(unit, quantity, rate.price, rate.per, _for_reading(part), rate.id))
    since = [card.rates[line.unit].effective_from for line in lines]
    if card.markup.effective_from is not None:
        since.append(card.markup.effective_from)
    return Price(
        provider=card.provider,
        model=card.model,
        amount=_amount(exact * (HUNDRED + Fraction(card.markup.percent)) / HUNDRED),
        lines=tuple(lines),
        markup_percent=card.markup.percent,
        markup_level=card.markup.level,
        markup_id=card.markup.id,
        effective_from=max(since),
    )


def _amount(exact: Fraction) -> Decimal:
    if exact > Fraction(LARGEST):
        raise InvalidUsage("This usage costs more credits than an account can hold.", field="usage")
    amount = round_credits(_as_decimal(exact))
    return max(amount, QUANTUM) if exact else amount


def _for_reading(part: Fraction) -> Decimal:
    with localcontext(CUT):
        return _as_decimal(part).quantize(LAST_PLACE, rounding=ROUND_HALF_EVEN)


def _as_decimal(exact: Fraction) -> Decimal:
    with localcontext(CUT):
        return Decimal(exact.numerator) / Decimal(exact.denominator)


def _unknown_unit(unit: str, card: ModelCard) -> UnknownUnit:
    units = sorted(card.rates)
    return UnknownUnit(
        f"{card.model} has no price for {_shown(unit)}; it is priced by {', '.join(units)}.",
        field="usage",
        unit=_shown(unit),
        units=units,
    )


def _checked(usage: Mapping[str, Decimal | int]) -> dict[str, Decimal]:
    quantities = {unit: _quantity(unit, value) for unit, value in usage.items()}
    if not any(quantities.values()):
        raise InvalidUsage("Send at least one quantity above zero.", field="usage")
    return quantities


def _quantity(unit: str, value: object) -> Decimal:
    """Return the quantity as a `Decimal`. A float is refused: it is not the exact count."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _invalid(unit, "must be a whole number or a Decimal")
    quantity = Decimal(value)
    if not quantity.is_finite() or quantity < 0:
        raise _invalid(unit, "can't be negative")
    if quantity > LARGEST_QUANTITY:
        raise _invalid(unit, "can be at most 10^15")
    places = SECOND_PLACES if unit == Unit.SECONDS else 0
    if quantity != round(quantity, places):
        raise _invalid(
            unit, f"can have at most {places} decimal places" if places else "must be a whole number"
        )
    return quantity


def _invalid(unit: str, rule: str) -> InvalidUsage:
    return InvalidUsage(f"A quantity of {_shown(unit)} {rule}.", field="usage", unit=_shown(unit))


def _shown(unit: object) -> str:
    return str(unit)[:50]
