"""Compute what one member of staff may still do alone within 24 hours, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class DailyAllowance:
    """The part ``left`` of a ``limit``. ``since`` is the time of the first act in the last 24 hours; None: no act."""

    limit: Decimal
    left: Decimal
    since: datetime | None

    @classmethod
    def of(cls, limit: Decimal, used: Decimal, since: datetime | None) -> DailyAllowance:
        return cls(limit, max(Decimal(0), limit - used), since)

    @property
    def more_at(self) -> datetime | None:
        """Return when part of the limit becomes available again."""
        return self.since + DAY if self.since else None

    @property
    def until(self) -> str:
        """Return the same for display, in the reader's time zone; empty if nothing was used."""
        if self.more_at is None:
            return ""
        return date_format(timezone.localtime(self.more_at), "ZONED_DAY_MINUTE_FORMAT")


def a_day_ago() -> datetime:
    return timezone.now() - DAY
