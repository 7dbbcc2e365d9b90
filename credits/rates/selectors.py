"""Read the rate card."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Min, OuterRef, Q, QuerySet, Subquery
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


class State(StrEnum):
    """The state of a row at a moment."""

    PLANNED = "planned"
    IN_FORCE = "in_force"
    PAST = "past"

    @property
    def label(self) -> str:
        return str({"planned": _("scheduled"), "in_force": _("active"), "past": _("past")}[self.value])


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


@dataclass
class _Found:
    rates: dict[str, dict[str, RateInCard]] = field(default_factory=dict)
    markups: dict[tuple[str, str], MarkupInCard] = field(default_factory=dict)


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
    found = _read(provider, model, at) if is_plain else _Found()
    if not found.rates:
        raise _unknown(name, at)
    if len(found.rates) > 1:
        names = [f"{one}/{model}" for one in sorted(found.rates)]
        raise AmbiguousModel(
            f"Several providers offer {model}. Use one of: {', '.join(names)}.", field="model", names=names
        )
    [(provider, rates)] = found.rates.items()
    return ModelCard(provider, model, rates, _narrowest(found.markups, provider, model))


def _read(provider: str, model: str, at: datetime | None) -> _Found:
    found = _Found()
    with connection.cursor() as cursor:
        cursor.execute(CARD, [provider, model, at])
        for kind, row_id, of_provider, unit, value, per, since in cursor.fetchall():
            if value is None:
                continue  # off the card, or no markup of its own
            if kind == "rate":
                found.rates.setdefault(of_provider, {})[unit] = RateInCard(row_id, value, per, since)
            else:
                markup = MarkupInCard(value, Level(kind), row_id, since)
                found.markups[of_provider, model if kind == Level.MODEL else ""] = markup
    return found


def _narrowest(markups: Mapping[tuple[str, str], MarkupInCard], provider: str, model: str) -> MarkupInCard:
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


def with_end(rows: QuerySet[Any], *same: str) -> QuerySet[Any]:
    """Add ``ends_at`` to the rows: when the next row of the same thing takes effect; null if none is planned."""
    following = (
        rows.model._default_manager.filter(**{name: OuterRef(name) for name in same})
        .filter(effective_from__gt=OuterRef("effective_from"))
        .order_by("effective_from")
        .values("effective_from")[:1]
    )
    ending: QuerySet[Any] = rows.annotate(ends_at=Subquery(following))
    return ending


def state_of(row: Any, now: datetime) -> State:
    """Return the state of a row of `with_end`."""
    if row.effective_from > now:
        return State.PLANNED
    return State.PAST if row.ends_at is not None and row.ends_at <= now else State.IN_FORCE


def in_state(rows: QuerySet[Any], state: str) -> QuerySet[Any]:
    """Return those rows of `with_end` that are in this state now."""
    now = Now()
    if state == State.PLANNED:
        return rows.filter(effective_from__gt=now)
    begun = rows.filter(effective_from__lte=now)
    if state == State.PAST:
        return begun.filter(ends_at__lte=now)
    return begun.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now))


def database_now() -> datetime:
    """Return the database's time, which decides what is in force."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
