"""The environment that production's settings ask for, for a server and its clients on this machine."""

from __future__ import annotations


def production_environment(database_url: str, provider_url: str = "http://127.0.0.1:9") -> dict[str, str]:
    """``provider_url`` is the local OpenID provider's; nothing asks it where no client token comes in."""
    return {
        "DJANGO_SETTINGS_MODULE": "dev.bench.settings",
        "SECRET_KEY": "bench-only-key-0123456789-0123456789-0123456789-0123456789",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": database_url,
        "SITE_URL": "http://localhost",
        "DEFAULT_FROM_EMAIL": "credits@example.com",
        # Well formed and nobody's: no purchase is made here.
        "STRIPE_SECRET_KEY": "sk_test_benchbenchbenchbenchbench",
        "STRIPE_WEBHOOK_SECRET": "whsec_benchbenchbenchbenchbench",
        "OIDC_ISSUER": f"{provider_url}/realms/demo",
        # One client makes all requests here; counting them stays part of each.
        "CREDITS_API_RATE": "100000000",
        "CREDITS_USER_RATE": "100000000",
        "PERSON_RATE": "100000000",
    }
