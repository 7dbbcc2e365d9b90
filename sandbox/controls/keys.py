"""Restricted keys: which there are, and what each may do."""

import re

from sandbox import store
from sandbox.controls.answering import ControlError, expect, take
from sandbox.shapes import Json
from sandbox.stripe_api.permissions import PERMISSIONS, keep_key, list_keys

_RESTRICTED = re.compile(r"rk_(test|live)_\w{10,}")


def show(order: Json) -> Json:
    take(order)
    return {"keys": list_keys(), "permissions": PERMISSIONS}


def keep(order: Json) -> Json:
    """Make a restricted key with these permissions, or give one others."""
    expect(order, key=str, permissions=list)
    key, permissions = take(order, key=None, permissions=None)
    if key is None or not _RESTRICTED.fullmatch(key):
        raise ControlError("a restricted key is rk_test_… or rk_live_…")
    unknown = [name for name in permissions or [] if name not in PERMISSIONS]
    if permissions is None or unknown:
        raise ControlError(f"permissions are some of {', '.join(PERMISSIONS)}")
    with store.writing():
        keep_key(key, permissions)
    return {"key": key, "permissions": sorted(permissions)}
