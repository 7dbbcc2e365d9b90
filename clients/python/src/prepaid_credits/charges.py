"""Describe a charge: an amount, or the usage of a model, priced by the rate card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prepaid_credits.amounts import Amount, Quantity, plain, plain_usage


def describe_charge(
    amount: Amount | None,
    model: str | None,
    usage: Mapping[str, Quantity] | None,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return a charge's fields in the API's requests. Raises TypeError for neither or both, and for a float."""
    charge: dict[str, Any]
    if amount is not None and model is None and usage is None:
        charge = {"amount": plain(amount)}
    elif amount is None and model is not None and usage is not None:
        charge = {"model": model, "usage": plain_usage(usage)}
    else:
        raise TypeError("Charge either an amount, or a model with its usage.")
    return {**charge, "metadata": dict(metadata)} if metadata else charge
