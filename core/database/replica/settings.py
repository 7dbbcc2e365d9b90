"""Derive how the replica is reached from how the primary is."""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS

ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
# Seconds that a request waits for a connection while the replica is away, before it reads from the primary.
CONNECT_S = 2
POOL_S = 1


def replica_settings(primary: dict[str, Any], address: dict[str, Any]) -> dict[str, Any]:
    """Return Django's settings of the replica: the primary's with the address, and the options, of a parsed URL."""
    options = {
        **primary["OPTIONS"],
        "connect_timeout": CONNECT_S,
        **address.get("OPTIONS", {}),
    }
    if "options" in address.get("OPTIONS", {}):  # PostgreSQL's own; a later one wins
        options["options"] = f"{primary['OPTIONS'].get('options', '')} {options['options']}".strip()
    if "pool" in options:
        options["pool"] = {**options["pool"], "timeout": POOL_S}
    where = {name: address.get(name, "") for name in ADDRESS}
    where["HOST"] = options.pop("host", where["HOST"])  # a socket's folder
    # Before each block the replica is asked for its position: that is the check of the connection.
    return {
        **primary,
        **where,
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"MIRROR": DEFAULT_DB_ALIAS},
    }
