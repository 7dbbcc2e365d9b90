"""Tell the sandbox's time: real time plus an offset that tests can increase. Whole seconds, as at Stripe."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sandbox.models import Setting

_OFFSET = "clock_offset_s"
_moment: ContextVar[int | None] = ContextVar("moment", default=None)


class _Cached:  # every new object asks for it
    offset_s = 0


def get_now() -> int:
    """Return the Unix time by the sandbox's clock. Every `created` and every expiry uses it."""
    moment = _moment.get()
    return int(time.time()) + _Cached.offset_s if moment is None else moment


def get_offset() -> int:
    """Return by how many seconds the sandbox's clock is ahead of the real one."""
    return _Cached.offset_s


@contextmanager
def standing_at(moment: int) -> Iterator[None]:
    """Make it this time inside. What was due then happens then, however late it is noticed."""
    token = _moment.set(moment)
    try:
        yield
    finally:
        _moment.reset(token)


def load_offset() -> None:
    """Read the stored offset, after a restart or a reset."""
    _Cached.offset_s = Setting.read(_OFFSET, 0)


def advance(seconds: int) -> int:
    """Move the clock forward and return the new time. Call inside `store.writing()`."""
    Setting.write(_OFFSET, _Cached.offset_s + seconds)
    load_offset()
    return get_now()
