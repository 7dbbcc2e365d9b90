"""The sandbox's own time: real time plus an offset that tests may push forward.

Whole seconds, as at Stripe.
"""

import time

from sandbox.models import Setting

_OFFSET = "clock_offset_s"


class _Offset:
    """The stored offset, at hand."""

    seconds = 0


def get_now() -> int:
    """Unix time by the sandbox's clock. Every `created` and every expiry goes by it."""
    return int(time.time()) + _Offset.seconds


def load_offset() -> None:
    """Take up the offset that was stored, after a restart or a reset."""
    setting = Setting.objects.filter(name=_OFFSET).first()
    _Offset.seconds = int(setting.value) if setting else 0


def advance(seconds: int) -> int:
    """Push the clock forward and return the new time. It never runs backwards: Stripe's does not either."""
    if seconds < 0:
        raise ValueError("the clock only runs forward")
    Setting.objects.update_or_create(name=_OFFSET, defaults={"value": _Offset.seconds + seconds})
    load_offset()
    return get_now()
