"""Define what a customer's timeline is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, QuerySet

from billing.admin.customers.customer import Customer


@dataclass(frozen=True)
class Line:
    """What happened, in words: ``kind`` of what, ``text``, the page at ``url``, and who of the staff did it."""

    kind: Any
    text: Any
    url: str = ""
    actor_id: UUID | None = None


@dataclass(frozen=True)
class Source:
    """Rows that each happened once, at the time in their column ``at``, and the line that tells of one.

    ``code`` is part of a page's URL. Shown to whoever may view ``model``, or ``viewed_as`` if that has no admin page.
    """

    code: str
    model: type[Model]
    at: str
    rows: Callable[[Customer], QuerySet[Any]]
    line: Callable[[Any], Line]
    viewed_as: type[Model] | None = None


@dataclass(frozen=True)
class Happening:
    """A line at its time; ``actor`` is a name, or empty."""

    at: datetime
    line: Line
    actor: str
