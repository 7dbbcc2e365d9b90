"""Estimate what a prompt would cost, without charging or holding anything."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from accounts.models import User
from credits.ledger.selectors import Balance, get_balance
from credits.rates.errors import InvalidUsage
from credits.rates.models import Unit
from credits.rates.pricing import Price, price_with
from credits.rates.selectors import card_of
from credits.rates.token_counting import TokenCount, count_tokens

# An answer's length is unknown before it is written. This is some 375 English words.
EXPECTED_OUTPUT_TOKENS = 500
ZERO = Decimal(0)


@dataclass(frozen=True)
class Estimate:
    """An estimate; ``output_tokens`` is None if the model has no price for them."""

    price: Price
    tokens: TokenCount
    output_tokens: int | None
    balance: Balance

    @property
    def is_affordable(self) -> bool:
        return self.missing == 0

    @property
    def missing(self) -> Decimal:
        """Return how many more credits are needed, at least 0."""
        return max(self.price.amount - self.balance.available, ZERO)


def estimate(
    user: User,
    prompt: str,
    model: str,
    expected_output_tokens: int | None = None,
    *,
    images: int = 1,
    seconds: Decimal | None = None,
) -> Estimate:
    """Return what the prompt would cost the user now, by the units in which the model is priced.

    ``expected_output_tokens`` defaults to `EXPECTED_OUTPUT_TOKENS`. A model priced by requests counts one.

    Raises:
        UnknownModel, AmbiguousModel: as `price_usage`.
        InvalidUsage: the model is priced by the second and no seconds are given; or a quantity is invalid.
    """
    output = EXPECTED_OUTPUT_TOKENS if expected_output_tokens is None else expected_output_tokens
    card = card_of(model)
    tokens = count_tokens(prompt, card.model)
    if Unit.SECONDS in card.rates and seconds is None:
        raise InvalidUsage(
            f"{card.model} is priced by the second: send the number of seconds.", field="seconds"
        )
    everything: dict[str, Decimal | int] = {
        Unit.INPUT_TOKENS: tokens.count,
        Unit.OUTPUT_TOKENS: output,
        Unit.IMAGES: images,
        Unit.SECONDS: seconds or 0,
        Unit.REQUESTS: 1,
    }
    usage = {unit: quantity for unit, quantity in everything.items() if unit in card.rates}
    return Estimate(
        price=price_with(card, usage),
        tokens=tokens,
        output_tokens=output if Unit.OUTPUT_TOKENS in card.rates else None,
        balance=get_balance(user),
    )
