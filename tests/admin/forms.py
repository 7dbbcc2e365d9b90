"""Forms and dialogs of the admin, filled in."""

from __future__ import annotations

from typing import Any

from billing.packages.models import Package


def form_of(package: Package, **changes: Any) -> dict[str, Any]:
    fields = {
        "name": package.name,
        "description": "",
        "credits": "1000",
        "price": "10.00",
        "currency": package.currency,
        "is_active": "on",
        "badge": "",
        "display_order": "1",
        "validity_days": "",
    }
    return {**fields, **changes}
