"""Read adjustments."""

from __future__ import annotations

from django.db.models import QuerySet

from credits.adjustments.models import Adjustment


def waiting_adjustments() -> QuerySet[Adjustment]:
    """Return the adjustments that wait for a second person."""
    return Adjustment.objects.filter(status=Adjustment.Status.WAITING)
