"""While all figures are compared or recounted, the count of each minute waits for its next turn, and nobody is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from billing import tasks
from billing.purchases.models import ChangedMoment
from tests.admin.rows import make_purchase, pay
from tests.figures.plain_count import differing

pytestmark = pytest.mark.django_db(transaction=True)


def count_impatiently() -> None:
    """In a thread, as a worker does, on a connection of its own."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        tasks.count_figures(timestamp=60)
    finally:
        connection.close()


def test_the_job_counts_once_the_recount_is_over() -> None:
    tasks.count_figures(timestamp=0)
    pay(make_purchase())
    with ThreadPoolExecutor(1) as threads, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE reporting_salescount, credits_ledgercount IN EXCLUSIVE MODE")
        threads.submit(count_impatiently).result()
        assert ChangedMoment.objects.exists()

    tasks.count_figures(timestamp=120)
    assert not ChangedMoment.objects.exists()
    assert not differing()
