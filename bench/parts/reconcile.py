"""Measure reconciliation at size: memory and speed of a run, and of one over ten times as many sessions."""

from __future__ import annotations

from bench import ours, production
from bench.cluster import Cluster
from bench.hosts import Host
from bench.load import Pace
from bench.services import running_processes, start_sandbox
from bench.tables import as_text

HEADS = (
    "sessions",
    "purchases",
    "findings",
    "seconds",
    "sessions/s",
    "own CPU s",
    "peak memory",
    "to the first",
)


def say_reconciliation(cluster: Cluster, pace: Pace) -> None:
    """Fill both sides once, reconcile the newest purchases, and print a line for each run."""
    url = cluster.create_database("bench_reconcile")
    runs = []
    with running_processes() as processes:
        sandbox_url = start_sandbox(processes)
        print(f"Creating {max(pace.reconciled):,} purchases and their sessions ...", flush=True)
        # Only a development database can be filled with sample data.
        development = {"DJANGO_SETTINGS_MODULE": "config.settings.dev", "DATABASE_URL": url}
        with Host(ours.__name__, url, **development) as host:
            host.call("migrate")
            host.call("fill", max(pace.reconciled), sandbox_url)
        for size in pace.reconciled:
            print(f"Comparing {size:,} purchases with Stripe ...", flush=True)
            with production.host(ours.__name__, url, STRIPE_API_BASE=sandbox_url) as host:
                runs.append(host.call("compare", size))
    print(f"\n{as_text([HEADS, *(_row(run, runs[0]) for run in runs)])}")


def _row(run: dict[str, float], first: dict[str, float]) -> tuple[str, ...]:
    return (
        *(f"{run[name]:,.0f}" for name in HEADS[:3]),
        f"{run['seconds']:.1f}",
        f"{run['sessions'] / run['seconds']:,.0f}",
        f"{run['cpu_s']:.1f}",
        f"{run['peak_mb']:.1f} MB",
        f"{run['peak_mb'] / first['peak_mb']:.2f}",
    )
