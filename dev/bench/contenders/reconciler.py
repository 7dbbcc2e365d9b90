"""Fills a database and the local Stripe with the same purchases, and compares the two."""

from __future__ import annotations

import resource
import time

# One session of so many is missing at Stripe: what a run finds grows with its size, too.
LOSE_EVERY = 200


def load(url: str) -> None:
    import django

    django.setup()


def migrate(url: str) -> None:
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def fill(url: str, purchases: int, sandbox_url: str) -> int:
    """Gives how many sessions the local Stripe has then."""
    from django.core.management import call_command

    from dev.bench.stripe_side import give_stripe_its_side

    call_command("load_catalog", "billing/packages/catalogs/standard.toml")
    call_command("seed_demo", purchases=purchases, entries=2 * purchases)
    return give_stripe_its_side(sandbox_url, lose_every=LOSE_EVERY)


def compare(url: str, newest: int) -> dict[str, float]:
    """Compares the period of so many of the newest purchases, in a process that has done nothing before."""
    from django.utils import timezone

    from billing.purchases.models import Purchase
    from billing.reconciliation.models import ReconciliationRun
    from billing.reconciliation.runs import begin_run, go_on

    oldest = Purchase.objects.order_by("-created_at", "-id").values_list("created_at", flat=True)[newest - 1]
    begun, cpu = time.perf_counter(), time.process_time()
    run = go_on(begin_run(oldest, timezone.now(), ReconciliationRun.Source.COMMAND).pk)
    return {
        "sessions": run.sessions,
        "purchases": run.purchases,
        "findings": run.findings.count(),
        "seconds": time.perf_counter() - begun,
        # The rest is the local Stripe, which makes its pages in Python too, and PostgreSQL.
        "cpu_s": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
