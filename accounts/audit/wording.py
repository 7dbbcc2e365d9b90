"""Describe audit entries in words. Higher apps add `FORMATS` and `LABELS`, as accounts can't depend on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Model
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit.models import HIDDEN, AuditEntry
from backoffice.display import EMPTY, in_words

Field: TypeAlias = Any  # a model field, or None
Beside = dict[str, Any]
# Takes the field, the column's name, its value and the entry's ``beside``; returns None to pass.
Format = Callable[[Field, str, Any, Beside], str | None]

FORMATS: list[Format] = []
# Labels of columns that hold something other than what is shown.
LABELS: dict[str, Any] = {}
ACTS = {
    "created": gettext_lazy("Created"),
    "changed": gettext_lazy("Changed"),
    "deleted": gettext_lazy("Deleted"),
    "downloaded": gettext_lazy("Downloaded"),
    "released": gettext_lazy("Released"),
    "resumed": gettext_lazy("Resumed"),
    "started": gettext_lazy("Started"),
    "synced": gettext_lazy("Synced to Stripe"),
}
# Columns that hold a user's id.
PEOPLE = {"user_id", "asked_by", "asked_by_id", "decided_by_id", "settled_by", "created_by_id", "author_id"}
# Values of ``beside`` that only help to format others.
UNITS = {"currency"}


@dataclass(frozen=True)
class Change:
    column: str
    before: str
    after: str


def act_in_words(act: str) -> str:
    return str(ACTS.get(act) or in_words(act))


def kind_in_words(kind: str) -> str:
    """Return the model's name; the kind itself if the model no longer exists."""
    model = model_of(kind)
    return str(model._meta.verbose_name) if model else kind


def kinds_in_words(kind: str) -> str:
    model = model_of(kind)
    return capfirst(str(model._meta.verbose_name_plural if model else kind))


def model_of(kind: str) -> type[Model] | None:
    try:
        return apps.get_model(kind)
    except (LookupError, ValueError):
        return None


def people_in(entry: AuditEntry) -> Iterator[Any]:
    """Yield the ids of all users that the entry mentions."""
    yield entry.actor_id
    if entry.kind == "accounts.user":
        yield entry.object_id
    for values in (entry.before, entry.after, entry.beside):
        yield from (value for column, value in (values or {}).items() if column in PEOPLE)


def changes_of(entry: AuditEntry, names: dict[str, str]) -> list[Change]:
    """Return each column that differs. ``names`` are the users' (`accounts.audit.selectors.names_of`)."""
    before, after = entry.before or {}, entry.after or {}
    was, now = {**entry.beside, **before}, {**entry.beside, **after}
    return [
        Change(
            column_in_words(entry.kind, column),
            in_writing(entry.kind, column, before.get(column), was, names),
            in_writing(entry.kind, column, after.get(column), now, names),
        )
        for column in _in_order(entry.kind, {**before, **after})
        if before.get(column) or after.get(column) or (column in before and column in after)
    ]


def detail_of(entry: AuditEntry, names: dict[str, str]) -> list[tuple[str, str]]:
    """Return the values of ``beside`` that belong to no change."""
    shown = {**(entry.before or {}), **(entry.after or {})}
    return [
        (column_in_words(entry.kind, column), in_writing(entry.kind, column, value, entry.beside, names))
        for column, value in entry.beside.items()
        if column not in shown and column not in UNITS and value not in (None, "")
    ]


def column_in_words(kind: str, column: str) -> str:
    if column in LABELS:
        return str(LABELS[column])
    field = _field(kind, column)
    return capfirst(str(field.verbose_name)) if field is not None else in_words(column)


def in_writing(kind: str, column: str, value: Any, beside: Beside, names: dict[str, str]) -> str:
    """Format a value for display; a dash for none."""
    if value is None or value in ("", []):
        return EMPTY
    if value == HIDDEN:
        return _("hidden")
    if column in PEOPLE:
        return names.get(str(value), str(value))
    field = _field(kind, column)
    for write in FORMATS:
        written = write(field, column, value, beside)
        if written is not None:
            return written
    return _plainly(field, value)


def _plainly(field: Field, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(field, models.DateTimeField) and (moment := parse_datetime(str(value))):
        return date_format(timezone.localtime(moment), "DATETIME_FORMAT")
    labels = dict(getattr(field, "flatchoices", None) or ())
    return str(labels.get(value, value))


def _in_order(kind: str, columns: Iterable[str]) -> list[str]:
    """Sort columns as the model does: PostgreSQL sorts a JSON object's keys by length."""
    model = model_of(kind)
    places = [field.column for field in model._meta.fields] if model else []
    return sorted(columns, key=lambda column: places.index(column) if column in places else len(places))


def _field(kind: str, column: str) -> Field:
    model = model_of(kind)
    if model is None:
        return None
    try:
        return model._meta.get_field(column)
    except FieldDoesNotExist:
        return None
