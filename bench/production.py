"""Run our ledger as production does: with its environment, on a copy of a funded database."""

from __future__ import annotations

from bench.cluster import Cluster
from bench.hosts import Host
from bench.load import MANY

TEMPLATE = "bench_template"
LEDGER = "bench.contenders.ledger"


def environment(database_url: str, provider_url: str = "http://127.0.0.1:9") -> dict[str, str]:
    """Return production's environment; ``provider_url`` is needed only where client tokens are used."""
    return {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "SECRET_KEY": "bench-only-key-0123456789-0123456789-0123456789-0123456789",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": database_url,
        "SITE_URL": "http://localhost",
        "DEFAULT_FROM_EMAIL": "credits@example.com",
        # Well formed but not real: no purchase is made here.
        "STRIPE_SECRET_KEY": "sk_test_benchbenchbenchbenchbench",
        "STRIPE_WEBHOOK_SECRET": "whsec_benchbenchbenchbenchbench",
        "OIDC_ISSUER": f"{provider_url}/realms/demo",
        # One client makes all requests; counting them stays part of each.
        "CREDITS_API_RATE": "100000000",
        "CREDITS_USER_RATE": "100000000",
        "PERSON_RATE": "100000000",
    }


def host(module: str, url: str, **more: str) -> Host:
    return Host(module, url, **{**environment(url), **more})


def make_template(cluster: Cluster) -> None:
    """Create our tables and ten thousand funded accounts, once a run."""
    url = cluster.create_database(TEMPLATE)
    with host(LEDGER, url) as worker:
        worker.call("prepare", url, MANY)


def ledger_database(cluster: Cluster, name: str) -> str:
    """Copy the template. Returns the copy's URL."""
    return cluster.create_database(name, template=TEMPLATE)
