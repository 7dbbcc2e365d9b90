"""Misfortunes on order: the next calls of a route fail, are slow, or are carried out and their answer lost."""

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from sandbox import store
from sandbox.models import Fault

STATUS, CLOSE, DELAY = "status", "close", "delay"


class BadFaultError(ValueError):
    """An order that can't be understood."""


@dataclass(frozen=True)
class Misfortune:
    """What happens to one call. `action`: answer with `status`, close the connection, or only be late.

    `after`: carry the call out first. `remember`: keep the failure under the call's idempotency key.
    """

    action: str
    status: int | None
    after: bool
    delay_s: float
    remember: bool

    @property
    def is_part_of_the_call(self) -> bool:
        """Whether it strikes while the call is carried out, and so counts under its idempotency key.

        A gateway's 503 or a broken line strikes on the way there or back, whatever the key remembers.
        """
        return not self.after and (self.remember or self.action == DELAY)

    def wait(self) -> None:
        time.sleep(self.delay_s)


def order_fault(order: dict[str, Any]) -> Fault:
    """Set up a fault. Raises BadFaultError."""
    unknown = set(order) - {"method", "path", "status", "times", "after", "delay_ms", "remember"}
    if unknown:
        raise BadFaultError(f"unknown: {', '.join(sorted(unknown))}")
    if "path" not in order or not ({"status", "delay_ms"} & set(order)):
        raise BadFaultError("a fault needs a path, and a status (null closes the connection) or a delay_ms")
    status = order.get("status")
    if status is not None and not 200 <= status <= 599:
        raise BadFaultError("status is 200 to 599, or null")
    with store.writing():
        return Fault.objects.create(
            method=order.get("method", "*").upper(),
            path=order["path"],
            action=_choose_action(order),
            status=status,
            after=bool(order.get("after", False)),
            delay_ms=int(order.get("delay_ms", 0)),
            remember=bool(order.get("remember", status == 500)),
            times=order.get("times", 1),
        )


def _choose_action(order: dict[str, Any]) -> str:
    if "status" not in order:
        return DELAY
    return CLOSE if order["status"] is None else STATUS


def take_fault(method: str, path: str) -> Misfortune | None:
    """The misfortune that this call meets, if any; counts the hit. The fault ordered first wins."""
    if not Fault.objects.exists():
        return None
    with store.writing():
        for fault in Fault.objects.order_by("id"):
            if _matches(fault, method, path):
                fault.hits += 1
                fault.save()
                return Misfortune(
                    fault.action, fault.status, fault.after, fault.delay_ms / 1000, fault.remember
                )
    return None


def _matches(fault: Fault, method: str, path: str) -> bool:
    if fault.times is not None and fault.hits >= fault.times:
        return False
    return fault.method in ("*", method) and fnmatchcase(path, fault.path)


def list_faults() -> list[dict[str, Any]]:
    fields = ("id", "method", "path", "action", "status", "after", "delay_ms", "remember", "times", "hits")
    return list(Fault.objects.order_by("id").values(*fields))


def clear_faults() -> None:
    with store.writing():
        Fault.objects.all().delete()
