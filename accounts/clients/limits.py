"""How many requests an API client may make in a minute."""

from __future__ import annotations

from accounts.clients.authentication import Client
from accounts.limits.rates import Rate, check_rate


def check_client_rate(client: Client) -> Rate:
    """Raises RateLimited when the client has made its requests of this minute."""
    return check_rate(f"client:{client.id}", client.requests_per_minute)
