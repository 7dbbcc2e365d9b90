"""Reads of reconciliations."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.reconciliation.models import ReconciliationFinding


def waiting_findings() -> QuerySet[ReconciliationFinding]:
    """Those that staff have to settle."""
    return ReconciliationFinding.objects.filter(state=ReconciliationFinding.State.WAITING)
