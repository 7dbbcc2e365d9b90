"""Convert between days and moments in the site's TIME_ZONE."""

from __future__ import annotations

from datetime import date, datetime, time

from django.utils import timezone


def start_of(day: date) -> datetime:
    """Return the day's first moment."""
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())


def day_of(moment: datetime) -> date:
    """Return the day of a moment."""
    return timezone.localdate(moment, timezone.get_default_timezone())
