"""Make the columns that many lists have; on the page of a row they are its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from backoffice.display import EMPTY, chip

Column = Callable[[Any, Any], Any]
STATUS = _("status")


def column(title: Any, path: str, show: Callable[[Any], Any] = str, *, ordering: str | None = None) -> Column:
    """Return a column that shows an attribute, such as ``purchase.user``; a dash if there is none."""
    read = attrgetter(path)

    def shown(page: Any, row: Any) -> Any:
        value = read(row)
        return EMPTY if value is None or value == "" else show(value)

    made: Column = display(shown, description=title, ordering=ordering)
    return made


def chip_column(name: str, tones: Mapping[str, str], title: Any = STATUS) -> Column:
    """Return a column that shows the choice of a field as a chip in its tone."""

    def shown(page: Any, row: Any) -> str:
        return chip(getattr(row, f"get_{name}_display")(), tones.get(getattr(row, name)))

    made: Column = display(shown, description=title, ordering=name)
    return made
