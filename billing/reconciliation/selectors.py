"""Query reconciliations."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.reconciliation.models import ReconciliationFinding


def waiting_findings() -> QuerySet[ReconciliationFinding]:
    """Return the issues that staff have to close."""
    return ReconciliationFinding.objects.filter(state=ReconciliationFinding.State.WAITING)
