"""The worker as the image runs it: no neighbour holds up the jobs of another, and it outlives a lost database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from accounts.teams import invitations
from accounts.teams.models import Role
from core.jobs.queues import PLACES, UNNAMED
from credits.ledger import operations as ledger
from credits.ledger.models import Hold
from tests.billing.calling import deliver, paid_session_event
from tests.credits.builders import funded
from tests.ops.database_outages import database_away
from tests.ops.production import ENVIRONMENT
from tests.ops.waiting import wait_until
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox
from tests.support.served import ROOT, database_url
from tests.teams.builders import make_people

pytestmark = pytest.mark.django_db(transaction=True)
DELAY_S = 20


@pytest.fixture
def silent_mail_server() -> Iterator[int]:
    """Accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield listener.getsockname()[1]


@contextmanager
def running_worker(sandbox: Sandbox, mail_port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **ENVIRONMENT,
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
        "STRIPE_API_BASE": sandbox.url,
        "SWEEP_AFTER_MINUTES": "0",
    }
    with log.open("wb") as output:
        command = [sys.executable, "manage.py", "run_worker"]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output) as process:
            try:
                yield process
            finally:
                process.kill()


def count(task: str, status: str) -> int:
    return ProcrastinateJob.objects.filter(task_name=task, status=status).count()


def ended(hold: Any) -> bool:
    return Hold.objects.get(pk=hold.id).status == Hold.Status.EXPIRED


def test_every_job_has_a_queue_that_the_worker_works_on() -> None:
    queues = {task.queue for task in app.tasks.values() if not task.name.startswith("builtin:")}
    assert queues == set(PLACES) - {UNNAMED}


def test_what_no_clock_repeats_is_retried() -> None:
    periodic = {name for name, _periodic_id in app.periodic_registry.periodic_tasks}
    never = {task.name for task in app.tasks.values() if task.retry_strategy is None} - periodic
    assert {name for name in never if not name.startswith("builtin:")} == set()


def run_now(task: str) -> None:
    """Defer the task, unless the worker's own clock did so just before: then that job waits already."""
    with suppress(AlreadyEnqueued):
        app.configure_task(task).defer(timestamp=0)


def an_overdue_hold(key: str) -> Any:
    account = funded(100)
    hold = ledger.hold(account.pk, Decimal(5), key=key, expires_in=timedelta(milliseconds=1))
    time.sleep(0.01)
    return hold


def test_a_silent_mail_server_and_a_slow_stripe_hold_up_no_other_job(
    sandbox: Sandbox, silent_mail_server: int, settings: Any, tmp_path: Path
) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    put_on_sale()
    people = make_people()
    for number in range(6):
        invitations.invite(people.owner, people.team.pk, f"new-{number}@example.com", Role.MEMBER)
    for _ in range(4):
        deliver(paid_session_event(sandbox, start(UserFactory()).session_id))
    start(UserFactory())  # for the sweep
    sandbox.delete("/_sandbox/requests")
    sandbox.fault(method="GET", path="/v1/*", delay_ms=DELAY_S * 1000, times=None)
    log = tmp_path / "worker.log"
    with running_worker(sandbox, silent_mail_server, log) as worker:
        wait_until(lambda: count("teams.send_invitation", "doing") == PLACES["mail"], 90, "mails under way")
        wait_until(lambda: count("billing.mirror_event", "doing") == PLACES["stripe"], 10, "events mirrored")
        hold = an_overdue_hold("one")
        counted = count("billing.count_figures", "succeeded")
        run_now("credits.expire_holds")
        run_now("billing.count_figures")
        wait_until(lambda: ended(hold), 8, "an overdue hold ended")
        wait_until(lambda: count("billing.count_figures", "succeeded") > counted, 8, "figures counted")
        # It was begun when the worker started, and asks Stripe as the others do.
        assert count("billing.sweep", "doing") + count("billing.sweep", "succeeded") == 1
        assert not count("billing.mirror_event", "succeeded")
        assert count("teams.send_invitation", "todo") + count("teams.send_invitation", "doing") == 6
        assert not people.team.invitations.filter(mail_sent_at__isnull=False).exists()

        with database_away():
            run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker'")
            wait_until(lambda: b"worker_lost_database" in log.read_bytes(), 40, "it noticed")
            time.sleep(5)
            assert worker.poll() is None
        hold = an_overdue_hold("two")
        run_now("credits.expire_holds")
        wait_until(lambda: ended(hold), 40, "an overdue hold ended, after the database came back")
        assert worker.poll() is None

        sandbox.delete("/_sandbox/faults")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, log.read_text()[-2000:]
    assert not count("teams.send_invitation", "failed")
    assert not count("billing.mirror_event", "failed")


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
