"""Set up and run our own code for the parts, each call in a process of `bench.worker`."""

from __future__ import annotations

import resource
import time
from typing import Any

from bench.contenders.ledger import load

__all__ = ["compare", "fill", "load", "load_catalogue", "make_callers", "migrate"]

# One in so many sessions is missing at Stripe, so what a run finds grows with its size.
LOSE_EVERY = 200


def migrate() -> float:
    """Migrate, and return how many seconds that took."""
    from django.core.management import call_command

    begun = time.perf_counter()
    call_command("migrate", interactive=False, verbosity=0)
    return time.perf_counter() - begun


def load_catalogue() -> None:
    from django.core.management import call_command

    call_command("load_catalog", "billing/packages/catalogs/standard.toml")
    call_command("sync_catalog")


def make_callers() -> dict[str, Any]:
    """Return ``Authorization`` headers of a client with an API key and of a user with one of DRF's tokens.

    Also returns the accounts to spend from, and registers the provider's client.
    """
    from rest_framework.authtoken.models import Token

    from accounts.clients.api_keys import create_key
    from accounts.clients.models import ApiClient, Scope
    from accounts.clients.registration import register_client
    from accounts.models import User
    from credits.ledger.models import Account

    client = ApiClient.objects.create(name="Bench", scopes=Scope.values)
    register_client("service")
    token = Token.objects.create(user=User.objects.create(username="bench"))
    return {
        "key": f"Api-Key {create_key(client, name='Bench').secret}",
        "empty": f"Token {token.key}",
        "accounts": [str(pk) for pk in Account.objects.order_by("pk").values_list("pk", flat=True)],
    }


def fill(purchases: int, sandbox_url: str) -> None:
    """Write sample purchases, here and to the local Stripe."""
    from django.core.management import call_command

    from bench.stripe_side import give_stripe_its_side

    call_command("load_catalog", "billing/packages/catalogs/standard.toml")
    call_command("seed_demo", purchases=purchases, entries=2 * purchases)
    give_stripe_its_side(sandbox_url, lose_every=LOSE_EVERY)


def compare(newest: int) -> dict[str, float]:
    """Reconcile the period of the ``newest`` purchases, in a process that has done nothing before."""
    from django.utils import timezone

    from billing.purchases.models import Purchase
    from billing.reconciliation.models import ReconciliationRun
    from billing.reconciliation.runs import begin_run, resume_run

    oldest = Purchase.objects.order_by("-created_at", "-id").values_list("created_at", flat=True)[newest - 1]
    begun, cpu = time.perf_counter(), time.process_time()
    run = resume_run(begin_run(oldest, timezone.now(), ReconciliationRun.Source.COMMAND).pk)
    return {
        "sessions": run.sessions,
        "purchases": run.purchases,
        "findings": run.findings.count(),
        "seconds": time.perf_counter() - begun,
        # The rest is PostgreSQL and the local Stripe, which is Python too.
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
