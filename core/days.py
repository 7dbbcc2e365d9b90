"""Days of the site's clock, its TIME_ZONE: where each begins, and on which one a moment falls."""

from __future__ import annotations

from datetime import date, datetime, time

from django.utils import timezone


def start_of(day: date) -> datetime:
    """Its first moment."""
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_default_timezone())


def day_of(moment: datetime) -> date:
    """The day that a moment falls on."""
    return timezone.localdate(moment, timezone.get_default_timezone())
