"""Read the rate card."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Case, Min, OuterRef, QuerySet, Subquery, TextChoices, Value, When
from django.db.models.functions import Now
from django.utils.timezone import is_naive
from django.utils.translation import gettext_lazy as _

from credits.rates.errors import AmbiguousModel, UnknownModel
from credits.rates.models import DEFAULT_PERCENT, MODEL, PROVIDER, Level, Rate, Unit

IS_PROVIDER = re.compile(PROVIDER.rstrip("$")).fullmatch
IS_MODEL = re.compile(MODEL.rstrip("$")).fullmatch
DEFAULT_MODEL = "default"
NEAR_NAMES = 3
LONGEST_SHOWN = 100

# The newest row in force of each thing, in one statement whose plan is cached (0003_card_function.sql).
CARD = "SELECT * FROM rates_card(%s, %s, %s)"


class State(TextChoices):
    """The state of a row at a moment."""

    PLANNED = "planned", _("scheduled")
    IN_FORCE = "in_force", _("active")
    PAST = "past", _("past")


@dataclass(frozen=True)
class RateInCard:
    """A rate: ``price`` credits for ``per`` of the unit, before the markup."""

    id: int
    price: Decimal
    per: int
    effective_from: datetime


@dataclass(frozen=True)
class MarkupInCard:
    """The markup that applies, and the level it was found at. Without an ``id`` it is the code's default."""

    percent: Decimal
    level: Level
    id: int | None = None
    effective_from: datetime | None = None


@dataclass(frozen=True)
class ModelCard:
    """The prices of a model at one moment."""

    provider: str
    model: str
    rates: Mapping[str, RateInCard]
    markup: MarkupInCard


@dataclass(frozen=True)
class ModelOnCard:
    """A model that has a price, and its units."""

    provider: str
    model: str
    units: frozenset[str]

    @property
    def qualified(self) -> str:
        return f"{self.provider}/{self.model}"


# By provider and unit; by provider and model, each empty for all.
Rates = dict[str, dict[str, RateInCard]]
Markups = dict[tuple[str, str], MarkupInCard]


def card_of(name: str, at: datetime | None = None) -> ModelCard:
    """Return the prices of a model or action, in one query. ``name`` is its own, or provider/model if several have it.

    Raises:
        UnknownModel: nothing of this name has a price at that moment.
        AmbiguousModel: more than one provider has it.
    """
    if at is not None and is_naive(at):
        raise ValueError("The time needs a time zone.")
    provider, slash, model = name.rpartition("/")
    is_plain = IS_MODEL(model) and (not slash or IS_PROVIDER(provider))
    found, markups = _read(provider, model, at) if is_plain else ({}, {})
    if not found:
        raise _unknown(name, at)
    if len(found) > 1:
        names = [f"{one}/{model}" for one in sorted(found)]
        raise AmbiguousModel(
            f"Several providers offer {model}. Use one of: {', '.join(names)}.", field="model", names=names
        )
    [(provider, rates)] = found.items()
    return ModelCard(provider, model, rates, _narrowest(markups, provider, model))


def _read(provider: str, model: str, at: datetime | None) -> tuple[Rates, Markups]:
    rates: Rates = {}
    markups: Markups = {}
    with connection.cursor() as cursor:
        cursor.execute(CARD, [provider, model, at])
        for kind, row_id, of_provider, unit, value, per, since in cursor.fetchall():
            if value is None:
                continue  # off the card, or no markup of its own
            if kind == "rate":
                rates.setdefault(of_provider, {})[unit] = RateInCard(row_id, value, per, since)
            else:
                markup = MarkupInCard(value, Level(kind), row_id, since)
                markups[of_provider, model if kind == Level.MODEL else ""] = markup
    return rates, markups


def _narrowest(markups: Markups, provider: str, model: str) -> MarkupInCard:
    for scope in ((provider, model), (provider, ""), ("", "")):
        if scope in markups:
            return markups[scope]
    return MarkupInCard(DEFAULT_PERCENT, Level.GLOBAL)


def _unknown(name: str, at: datetime | None) -> UnknownModel:
    known = models_on_card(at)
    near = difflib.get_close_matches(name, [one.model for one in known], NEAR_NAMES)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    shown = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…"
    return UnknownModel(f"There is no price for the model {shown!r}.{hint}", field="model", near=near)


def models_on_card(at: datetime | None = None) -> list[ModelOnCard]:
    """Return every model that has a price at that time, in the order in which they came onto the card."""
    newest = (
        Rate.objects.filter(effective_from__lte=at or Now())
        .order_by("provider", "model", "unit", "-effective_from")
        .distinct("provider", "model", "unit")
        .values_list("provider", "model", "unit", "price")
    )
    units: dict[tuple[str, str], set[str]] = {}
    for provider, model, unit, price in newest:
        if price is not None:
            units.setdefault((provider, model), set()).add(unit)
    came = Rate.objects.values_list("provider", "model").annotate(first=Min("id")).order_by("first")
    return [
        ModelOnCard(*key, frozenset(units[key]))
        for *key_of, _first in came
        if (key := tuple(key_of)) in units
    ]


def default_model(at: datetime | None = None) -> str:
    """Return the default model: one called ``default``, else the first on the card that reads text.

    Raises:
        UnknownModel: no model on the card reads text.
    """
    reading = [one for one in models_on_card(at) if Unit.INPUT_TOKENS in one.units]
    for one in reading:
        if one.model == DEFAULT_MODEL:
            return one.qualified
    if not reading:
        raise UnknownModel("No model on the rate card takes text.", field="model", near=[])
    return reading[0].qualified


def with_state(rows: QuerySet[Any], *same: str, at: datetime | None = None) -> QuerySet[Any]:
    """Add to the rows their ``state``, now or ``at`` a moment, and ``ends_at``: when the next row of the same thing
    takes effect; null if none is planned.
    """
    moment = at or Now()
    following = (
        rows.model._default_manager.filter(**{name: OuterRef(name) for name in same})
        .filter(effective_from__gt=OuterRef("effective_from"))
        .order_by("effective_from")
        .values("effective_from")[:1]
    )
    state = Case(
        When(effective_from__gt=moment, then=Value(State.PLANNED)),
        When(ends_at__lte=moment, then=Value(State.PAST)),
        default=Value(State.IN_FORCE),
    )
    found: QuerySet[Any] = rows.annotate(ends_at=Subquery(following)).annotate(state=state)
    return found


def database_now() -> datetime:
    """Return the database's time, which decides what is in force."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
