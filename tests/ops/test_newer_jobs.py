"""During an upgrade, an old worker loses no job of a task that only the new version has."""

from __future__ import annotations

import pytest
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import TaskNotFound

from core.jobs.deferring import defer
from core.jobs.queues import MAIL
from tests.billing.worker import run_worker

pytestmark = pytest.mark.django_db(transaction=True)

NEWER = "billing.of_the_next_version"


def test_a_job_that_this_version_does_not_know_waits_for_a_worker_that_does() -> None:
    app.configure_task(NEWER, queue=MAIL).defer(purchase_id="1")
    run_worker()
    job = ProcrastinateJob.objects.get(task_name=NEWER)
    assert (job.status, job.attempts) == ("todo", 1)
    assert job.scheduled_at is not None
    assert job.scheduled_at > timezone.now()


def test_nobody_defers_a_task_that_does_not_exist() -> None:
    with pytest.raises(TaskNotFound):
        defer(NEWER)
