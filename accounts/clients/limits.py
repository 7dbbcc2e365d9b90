"""Limit an API client's requests per minute."""

from __future__ import annotations

from accounts.clients.authentication import Client
from accounts.limits.rates import Rate, check_rate


def check_client_rate(client: Client) -> Rate:
    """Count a request of the client. Raises RateLimited if it has none left this minute."""
    return check_rate(f"client:{client.id}", client.requests_per_minute)
