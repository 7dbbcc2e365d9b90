"""Read values from Stripe's JSON with the right type, or raise one error that names the object.

Unknown fields are ignored (Stripe adds some without a new API version); a missing one that we need fails loudly. What
the database can't hold is rejected or replaced.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from billing.provider.errors import MalformedStripeObject
from billing.provider.storing import LONGEST_ID, storable

BIGGEST = 2**63 - 1
# Raised for a wrong shape; a time out of range is an OSError or an OverflowError.
UNREADABLE = (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn any error from a wrong shape into one that names the object.

    Raises:
        MalformedStripeObject: the object lacks what we need, or has it in another shape.
    """
    try:
        yield
    except UNREADABLE as error:
        raise MalformedStripeObject(
            f"Stripe's {name} lacks a field that we need, or has it in another shape: {error!r:.200}."
        ) from error


def text(value: object) -> str:
    """Return an id or a code: never empty, and short enough for its column."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_ID or not _is_storable(value):
        raise TypeError(f"expected an id or a code, got {value!r:.50}")
    return value


def words(value: object, most: int = LONGEST_ID) -> str:
    """Return text for display, without what can't be stored; empty if it isn't text."""
    return storable(value)[:most] if isinstance(value, str) else ""


def reference(value: object) -> str:
    """Return our reference; whatever others put in its place is harmless, as it matches none."""
    return words(value)


def currency(value: object) -> str:
    """Return a three-letter currency code in lower case."""
    code = text(value).lower()
    if not re.fullmatch("[a-z]{3}", code):
        raise TypeError(f"expected a currency, got {value!r:.50}")
    return code


def minor(value: object) -> int:
    """Return an amount in minor units: a whole number that fits its column."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > BIGGEST:
        raise TypeError(f"expected a whole amount, got {value!r:.50}")
    return value


def id_of(value: object) -> str | None:
    """Return the id from an expanded object, a bare id, or null."""
    if isinstance(value, Mapping):
        return text(value["id"])
    return text(value) if isinstance(value, str) and value else None


def instant(seconds: object) -> datetime.datetime:
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise TypeError(f"expected Unix seconds, got {seconds!r:.50}")
    return datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)


def _is_storable(value: str) -> bool:
    return storable(value) == value
