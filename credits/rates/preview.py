"""Price a few example quantities by a rate."""

from __future__ import annotations

from credits.rates.models import Rate, Unit
from credits.rates.pricing import Price, price_with
from credits.rates.selectors import card_of, database_now

EXAMPLES: dict[str, tuple[int, ...]] = {
    Unit.INPUT_TOKENS: (1, 1_000, 100_000),
    Unit.OUTPUT_TOKENS: (1, 1_000, 100_000),
    Unit.IMAGES: (1, 10, 100),
    Unit.SECONDS: (1, 60, 3_600),
    Unit.REQUESTS: (1, 100, 10_000),
}


def example_costs(rate: Rate) -> list[Price] | None:
    """Price each example quantity by this rate, with the markup of when it takes or took effect; for a rate in force,
    today's. None if it takes the unit off the card.
    """
    if rate.price is None:
        return None
    now = database_now()
    later = Rate.objects.filter(provider=rate.provider, model=rate.model, unit=rate.unit)
    is_past = later.filter(effective_from__gt=rate.effective_from, effective_from__lte=now).exists()
    moment = rate.effective_from if is_past else max(rate.effective_from, now)
    card = card_of(f"{rate.provider}/{rate.model}", moment)
    return [price_with(card, {rate.unit: quantity}) for quantity in EXAMPLES[rate.unit]]
