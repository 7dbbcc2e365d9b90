"""Misfortunes that a test orders for the next sign-in: a forged id token, a stranger's userinfo, a 500."""

from typing import Any

KINDS = {"id_token", "access_token", "userinfo", "token_status"}
_orders: dict[str, Any] = {}


def place(**orders: Any) -> None:
    """Order for the next answer of each kind. Raises TypeError for a kind that doesn't exist."""
    if unknown := set(orders) - KINDS:
        raise TypeError(f"unknown orders: {', '.join(sorted(unknown))}")
    _orders.update(orders)


def take(kind: str) -> Any:
    """What was ordered for the next answer of this kind, once; None when nothing was."""
    return _orders.pop(kind, None)


def clear() -> None:
    _orders.clear()
