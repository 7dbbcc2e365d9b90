"""Say how the site's processes are started: the web servers, the workers and commands, of one release of the code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.cluster.keeper import Program
from dev.cluster.pgbouncer import REPLICA, PgBouncer
from dev.cluster.postgres import Server

DATABASE, OWNER = "credits", "credits"
WEBHOOK_SECRET = "whsec_sandboxsandboxsandboxsandbox"
THREADS = 8
# PgBouncer refuses them as options of a connection, so they are the role's: those of `core.database.time_limits`.
TIME_LIMITS = {
    "lock_timeout": "3s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "15s",
    "transaction_timeout": "60s",
}


def direct_url(servers: Sequence[Server]) -> str:
    """Return the URL that finds whichever server takes writes: for workers, which LISTEN, and for commands."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://{OWNER}@{hosts}/{DATABASE}?target_session_attrs=read-write&connect_timeout=2"


def environment(site_url: str, sandbox_url: str, redis_port: int, mail: Path) -> dict[str, str]:
    """Return what all processes of the site have in common."""
    return {
        "DJANGO_SETTINGS_MODULE": "dev.cluster.settings",
        "SECRET_KEY": "on-one-machine-only-0123456789-0123456789-0123456789-0123456789",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "SITE_URL": site_url,
        "DEFAULT_FROM_EMAIL": "credits@example.com",
        "STRIPE_SECRET_KEY": "sk_test_sandboxsandboxsandboxsandbox",
        "STRIPE_WEBHOOK_SECRET_CREDITS": WEBHOOK_SECRET,
        "STRIPE_API_BASE": sandbox_url,
        "STRIPE_CHECKOUT_ORIGIN": sandbox_url,
        "OIDC_ISSUER": f"{sandbox_url}/realms/demo",
        "OIDC_PROVIDER_NAME": "the demo provider",
        "OIDC_RP_CLIENT_ID": "credits-web",
        "OIDC_RP_CLIENT_SECRET": "credits-web-secret",
        "CACHE_URL": f"redis://127.0.0.1:{redis_port}/0",
        "SECURE_SSL_REDIRECT": "false",
        "METRICS_TOKEN": "cluster",
        "CLUSTER_MAIL": str(mail),
        # A script does what a thousand people would.
        "PERSON_RATE": "1000000",
        "PURCHASE_RATE": "6000/min",
        "CREDITS_API_RATE": "1000000",
        "CREDITS_USER_RATE": "1000000",
        "WEBHOOK_RATE": "1000000",
    }


def web(common: Mapping[str, str], bouncer: PgBouncer, port: int, release: Path) -> Program:
    command = (
        f"granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads {THREADS}"
    )
    return Program(
        [sys.executable, "-m", *command.split(), "config.wsgi:application"],
        {
            **common,
            "DATABASE_URL": bouncer.url(),
            "DATABASE_REPLICA_URL": bouncer.url(REPLICA),
            "PGBOUNCER": "true",
            "GRANIAN_BLOCKING_THREADS": str(THREADS),
        },
        release,
    )


def worker(common: Mapping[str, str], servers: Sequence[Server], release: Path) -> Program:
    return Program(
        [sys.executable, "manage.py", "run_worker"], {**common, "DATABASE_URL": direct_url(servers)}, release
    )


def run_command(
    common: Mapping[str, str], servers: Sequence[Server], release: Path, *command: str
) -> subprocess.CompletedProcess[str]:
    """Run Python with this command line, directly at the primary. The caller looks at its exit status."""
    return subprocess.run(
        [sys.executable, *command],
        env={**common, "PATH": "/usr/bin:/bin", "DATABASE_URL": direct_url(servers)},
        cwd=release,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
