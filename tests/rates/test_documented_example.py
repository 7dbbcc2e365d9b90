"""The worked example of docs/rates.md is what the code charges."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from credits.formatting import plain
from credits.rates.card_file import read_card
from credits.rates.errors import RatesError
from credits.rates.loading import load_card
from credits.rates.models import Markup, Rate
from credits.rates.pricing import price_usage

ROOT = Path(__file__).resolve().parent.parent.parent
RATES = (ROOT / "docs/rates.md").read_text()


@pytest.mark.django_db
def test_the_worked_example_is_what_is_charged() -> None:
    load_card(read_card(ROOT / "credits/rates/cards/demo.toml"))
    price = price_usage("chat-small", {"input_tokens": 1234, "output_tokens": 567})

    rows = dict(re.findall(r"^\| ([^|]+?) \| ([\d.]+) \|$", RATES, re.MULTILINE))
    assert [rows[key] for key in list(rows)[:2]] == [plain(line.amount) for line in price.lines]
    together = sum((line.amount for line in price.lines), Decimal(0))
    assert rows["together"] == plain(together)
    assert rows["with 15 %"] == plain(together * (100 + price.markup_percent) / 100)
    assert rows["charged"] == plain(price.amount)
    assert f'price.amount  # Decimal("{price.amount}")' in RATES


@pytest.mark.django_db
def test_the_documented_card_can_be_read(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", RATES, re.DOTALL)
    card = tmp_path / "card.toml"
    card.write_text(example)

    assert len(read_card(card)) == 2


def test_every_guard_and_refusal_of_the_card_is_documented() -> None:
    said = set(re.findall(r"`([^`\n]+)`", RATES + (ROOT / "docs/api.md").read_text()))
    for model in (Rate, Markup):
        assert {constraint.name for constraint in model._meta.constraints} <= said
    assert {error.code for error in RatesError.__subclasses__()} - {"rate_card_invalid"} <= said
