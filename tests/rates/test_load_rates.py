"""Loading a card makes the prices what the file says: all of it or nothing, and a second time changes nothing."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from credits.rates.models import Markup, Rate
from credits.rates.pricing import price_usage
from tests.rates.builders import put_rate, utc

pytestmark = pytest.mark.django_db

DEMO = Path("credits/rates/cards/demo.toml")
GOOD = """\
[[rate]]
provider = "example"
model = "chat-small"
unit = "input_tokens"
price = "0.25"
per = 1000
[[markup]]
percent = 20
provider = "example"
"""


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.toml"
    path.write_text(GOOD)
    return path


def load(file: Path, **options: Any) -> list[str]:
    out = StringIO()
    call_command("load_rates", str(file), stdout=out, **options)
    return out.getvalue().splitlines()


def outcomes(said: list[str]) -> list[str]:
    return [line.split()[0] for line in said[:-1]]


def test_the_demos_card_puts_its_models_into_force() -> None:
    said = load(DEMO)

    assert outcomes(said) == ["created"] * 10
    assert price_usage("chat-small", {"input_tokens": 1000, "output_tokens": 1000}).amount == Decimal("1.725")
    assert price_usage("transcribe", {"seconds": 90}).amount == Decimal("10.35")


def test_loading_the_same_card_twice_changes_nothing(card: Path) -> None:
    assert outcomes(load(card)) == ["created", "created"]
    before = list(Rate.objects.values()), list(Markup.objects.values())

    assert outcomes(load(card)) == ["unchanged", "unchanged"]
    assert (list(Rate.objects.values()), list(Markup.objects.values())) == before


def test_another_price_is_a_new_rate_from_now_on_and_the_old_one_stays(card: Path) -> None:
    load(card)
    card.write_text(GOOD.replace('"0.25"', "0.3"))

    assert outcomes(load(card)) == ["created", "unchanged"]
    assert list(Rate.objects.order_by("id").values_list("price", flat=True)) == [
        Decimal("0.25"),
        Decimal("0.3"),
    ]
    assert price_usage("chat-small", {"input_tokens": 1000}).amount == Decimal("0.36")


def test_a_planned_price_may_be_planned_anew(card: Path) -> None:
    dated = GOOD.replace("per = 1000", "per = 1000\neffective_from = 2090-01-01T01:00:00+01:00")
    card.write_text(dated)
    load(card)
    card.write_text(dated.replace('"0.25"', '"0.75"'))

    assert outcomes(load(card)) == ["updated", "unchanged"]
    assert list(Rate.objects.values_list("price", "effective_from")) == [(Decimal("0.75"), utc(2090))]


def test_none_takes_a_unit_off_the_card(card: Path) -> None:
    load(card)
    card.write_text(GOOD.replace('"0.25"', '"none"'))
    load(card)

    assert Rate.objects.order_by("id").last() == Rate.objects.get(price=None)


def test_a_dry_run_says_the_same_and_changes_nothing(card: Path) -> None:
    said = load(card, dry_run=True)

    assert outcomes(said) == ["created", "created"]
    assert said[-1] == "2 rows. Nothing was changed: this was a dry run."
    assert not Rate.objects.exists()


def test_where_there_are_rates_nothing_is_loaded_when_asked(card: Path) -> None:
    put_rate("other")

    assert load(card, if_empty=True) == ["Rates already exist; left unchanged."]
    assert Rate.objects.get().model == "other"


def test_a_date_that_has_passed_is_refused_and_nothing_is_loaded(card: Path) -> None:
    first, second = GOOD.split("[[markup]]")
    card.write_text(f"[[markup]]{second}\n{first}effective_from = 2020-01-01T00:00:00Z\n")

    with pytest.raises(CommandError, match=r"line 5: This time has passed\."):
        load(card)
    assert not Rate.objects.exists()
    assert Markup.objects.count() == 1


MISTAKES: dict[str, tuple[str, str, int, str]] = {
    "a key that is none": ("per = 1000", "pre = 1000", 6, "pre: unknown key"),
    "a table that is none": ("[[markup]]", "[[makrup]]", 7, "unknown key 'makrup'"),
    "a missing price": ('price = "0.25"\n', "", 1, "'price' is missing"),
    "a missing percentage": ("percent = 20\n", "", 7, "'percent' is missing"),
    "a negative price": ('"0.25"', '"-0.25"', 5, "price: Ensure this value is greater than or equal to 0."),
    "a price in words": ('"0.25"', '"cheap"', 5, "price: 'cheap' is not a number such as"),
    "a price that is a flag": ('"0.25"', "true", 5, "price: True is not a number"),
    "an endless price": ('"0.25"', "inf", 5, "price: "),
    "a price that is no number": ('"0.25"', "nan", 5, "price: "),
    "too fine a price": ('"0.25"', "0.0000000000001", 5, "price: Ensure that there are no more than"),
    "a unit that is none": ('"input_tokens"', '"tokens"', 4, "unit: Value 'tokens' is not a valid choice."),
    "a model with a slash": ('"chat-small"', '"chat/small"', 3, "model: Letters, digits, dots"),
    "a provider that is a number": ('"example"\nmodel', "7\nmodel", 2, "provider: 7 is not text"),
    "per nothing": ("per = 1000", "per = 0", 6, "per: Ensure this value is greater than or equal to 1."),
    "per a half": ("per = 1000", "per = 0.5", 6, "per: 0.5 is not a whole number"),
    "a date without a zone": (
        "per = 1000",
        "effective_from = 2090-01-01T00:00:00",
        6,
        "is not a time with its zone",
    ),
    "a date without a time": (
        "per = 1000",
        "effective_from = 2090-01-01",
        6,
        "is not a time with its zone",
    ),
    "a date in quotes": ("per = 1000", 'effective_from = "2090"', 6, "is not a time with its zone"),
    "too much of a markup": ("percent = 20", "percent = 1001", 8, "percent: Ensure this value is less than"),
}


@pytest.mark.parametrize(("old", "new", "line", "reason"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_line_and_field(
    card: Path, old: str, new: str, line: int, reason: str
) -> None:
    assert old in GOOD
    card.write_text(GOOD.replace(old, new))

    with pytest.raises(CommandError) as refused:
        load(card)
    assert str(refused.value).splitlines()[0].startswith(f"{card}, line {line}: ")
    assert reason in str(refused.value)
    assert not Rate.objects.exists()


def test_a_markup_of_a_model_needs_its_provider(card: Path) -> None:
    card.write_text("[[markup]]\npercent = 5\nmodel = 'chat-small'\n")

    with pytest.raises(CommandError, match=r"line 1: Enter the model’s provider as well\."):
        load(card)


def test_the_same_thing_twice_is_a_mistake(card: Path) -> None:
    card.write_text(GOOD + GOOD)

    with pytest.raises(CommandError) as refused:
        load(card)
    assert [line.split(", ", 1)[1] for line in str(refused.value).splitlines()] == [
        "line 10: is already set on line 1",
        "line 16: is already set on line 7",
    ]


@pytest.mark.parametrize("text", ["", "rate = 5\n", "rate = []\n", "[rate]\nprice = 1\n", "[[rate", "\xff"])
def test_what_is_no_card_is_refused(card: Path, text: str) -> None:
    card.write_bytes(text.encode("latin-1"))

    with pytest.raises(CommandError):
        load(card)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"missing\.toml: No such file or directory"):
        load(tmp_path / "missing.toml")
