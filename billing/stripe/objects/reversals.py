"""Read refunds and disputes."""

from __future__ import annotations

from collections.abc import Mapping

from billing.provider.objects import BalanceMovement, Json, Movement, ProviderDispute, ProviderRefund
from billing.stripe.objects.reading import currency, id_of, instant, minor, reading, reference, text, words


def _movement(data: Json) -> Movement:
    """Read a balance transaction."""
    return Movement(text(data["id"]), minor(data["amount"]), currency(data["currency"]))


def read_balance_movement(data: Json) -> BalanceMovement:
    """Read a balance transaction from the list of all."""
    with reading("balance transaction"):
        return BalanceMovement(
            **vars(_movement(data)),
            source=id_of(data.get("source")) or "",
            category=words(data["reporting_category"], 60),
            created=instant(data["created"]),
        )


def read_refund(data: Json) -> ProviderRefund:
    """Read a refund."""
    with reading("refund"):
        moved = data.get("balance_transaction")
        return ProviderRefund(
            id=text(data["id"]),
            status=reference(data["status"]),
            amount=minor(data["amount"]),
            currency=currency(data["currency"]),
            reason=words(data.get("reason"), 60),
            failure_reason=words(data.get("failure_reason"), 100),
            charge_id=id_of(data["charge"]) or "",
            payment_intent_id=id_of(data["payment_intent"]) or "",
            reference=reference((data["metadata"] or {}).get("refund_id")),
            movements=(_movement(moved),) if isinstance(moved, Mapping) else (),
            created=instant(data["created"]),
        )


def read_dispute(data: Json) -> ProviderDispute:
    """Read a dispute."""
    with reading("dispute"):
        due_by = (data.get("evidence_details") or {}).get("due_by")
        moved = data.get("balance_transactions") or []
        return ProviderDispute(
            id=text(data["id"]),
            status=reference(data["status"]),
            amount=minor(data["amount"]),
            currency=currency(data["currency"]),
            reason=words(data.get("reason"), 60),
            charge_id=id_of(data["charge"]) or "",
            payment_intent_id=id_of(data["payment_intent"]) or "",
            due_by=instant(due_by) if due_by else None,
            movements=tuple(_movement(one) for one in moved if isinstance(one, Mapping)),
            created=instant(data["created"]),
        )
