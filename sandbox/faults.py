"""Inject faults: the next calls of a route fail, are slow, or are carried out but their answer is lost."""

from fnmatch import fnmatchcase

from sandbox import store
from sandbox.models import Fault

STATUS, CLOSE, DELAY = "status", "close", "delay"


def take_fault(method: str, path: str) -> Fault | None:
    """Return the fault that this call meets, if any, and count the hit. The oldest one wins."""
    if not Fault.objects.exists():
        return None
    with store.writing():
        for fault in Fault.objects.order_by("id"):
            if _matches(fault, method, path):
                fault.hits += 1
                fault.save()
                return fault
    return None


def _matches(fault: Fault, method: str, path: str) -> bool:
    if fault.times is not None and fault.hits >= fault.times:
        return False
    return fault.method in ("*", method) and fnmatchcase(path, fault.path)


def is_part_of_the_call(fault: Fault) -> bool:
    """Tell whether a fault happens while the call is carried out, and so is saved under its idempotency key.

    A gateway's 503 or a broken connection happens before or after that, whatever the key remembers.
    """
    return not fault.after and (fault.remember or fault.action == DELAY)
