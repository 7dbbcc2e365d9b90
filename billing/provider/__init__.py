"""The payment provider, as the rest of billing sees it: what it reports (`objects`) and can be asked (`interface`).

`billing.stripe` implements it. Another provider would be another such package, installed in its place.
"""

from __future__ import annotations

from billing.provider.interface import Provider

_installed: list[Provider] = []


def install(implementation: Provider) -> None:
    """Make this the provider; its app does so when it is ready."""
    _installed[:] = [implementation]


def provider() -> Provider:
    """Return the provider."""
    return _installed[0]
