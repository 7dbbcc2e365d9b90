"""A run over many sessions keeps nothing of a page in memory when it comes to the next, and asks little of each."""

from __future__ import annotations

import datetime
import functools
import gc
import logging
import tracemalloc
from collections import defaultdict
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench.stripe_side import give_stripe_its_side
from billing.purchases.models import Purchase
from billing.reconciliation.models import ReconciliationRun
from billing.reconciliation.runs import begin_run, resume_run
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox

# Filling commits on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)

PURCHASES = 800
# One session of so many is missing at Stripe: findings must not pile up either.
LOSE_EVERY = 10
# The pages of a hundred between which nothing may pile up.
EARLY, LATE = 2, 7
# Of a fixed size, and not full yet: psycopg's, of statements that each connection holds besides.
CACHES = ("*/psycopg/_queries.py", "*/psycopg/_preparing.py")
# A set with the id of each purchase takes more than this for each.
BYTES_OF_AN_ID = 60
# Sessions: the purchases, their payments, and a transaction with its run and what was seen. Payments: whose they are,
# purchases, their payments, and a transaction with its run. Purchases: the rows, which were seen, their entries, and a
# transaction with its run. After each the run is read again.
QUERIES_OF_A_HUNDRED = (2 + 4 + 1) + (3 + 3 + 1) + (3 + 3 + 1)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)
    put_on_sale()


def fill(sandbox: Sandbox, purchases: int, lose_every: int = 0) -> None:
    call_command("seed_demo", purchases=purchases, entries=2 * purchases, stdout=StringIO())
    give_stripe_its_side(sandbox.url, lose_every=lose_every)


def begin(newest: int) -> ReconciliationRun:
    times = Purchase.objects.order_by("-created_at", "-id").values_list("created_at", flat=True)
    return begin_run(times[newest - 1], timezone.now(), ReconciliationRun.Source.STAFF)


def test_what_is_in_memory_does_not_grow_from_page_to_page(sandbox: Sandbox) -> None:
    fill(sandbox, PURCHASES, LOSE_EVERY)
    kept: dict[str, dict[int, int]] = defaultdict(dict)
    peaks: dict[str, list[int]] = defaultdict(list)

    def measure(run: ReconciliationRun) -> None:
        peaks[run.stage].append(tracemalloc.get_traced_memory()[1])
        if len(peaks[run.stage]) in {EARLY, LATE}:
            kept[run.stage][len(peaks[run.stage])] = bytes_kept()
        gc.collect()  # what nobody holds is no growth, however long this Python leaves it lying about
        tracemalloc.reset_peak()

    logging.disable()  # pytest keeps every line
    tracemalloc.start()
    try:
        run = resume_run(begin(PURCHASES).pk, measure)
    finally:
        tracemalloc.stop()
        logging.disable(logging.NOTSET)
    assert run.findings.count() > PURCHASES / LOSE_EVERY / 3
    for stage in ("sessions", "payments", "purchases"):
        assert kept[stage][LATE] - kept[stage][EARLY] < BYTES_OF_AN_ID * 100 * (LATE - EARLY)
        assert max(peaks[stage][EARLY:]) < 1.5 * peaks[stage][EARLY]


def bytes_kept() -> int:
    empty_caches()
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(False, name) for name in (tracemalloc.__file__, *CACHES)]
    )
    return sum(trace.size for trace in snapshot.traces)


def empty_caches() -> None:
    """Empty every cache of a fixed size: how full it is by then says nothing of growth."""
    for each in gc.get_objects():
        # Not isinstance, which wakes lazy objects.
        if type(each) is functools._lru_cache_wrapper and each.cache_info().maxsize is not None:
            each.cache_clear()


def test_each_page_takes_the_same_few_queries(sandbox: Sandbox) -> None:
    fill(sandbox, 600)
    counts = []
    for newest in (200, 500):
        with CaptureQueriesContext(connection) as queries:
            run = resume_run(begin(newest).pk)
        # One more: the session that the others are copies of.
        assert (run.sessions, run.findings.count()) == (newest + 1, 0)
        counts.append(len(queries))
    assert counts[1] - counts[0] == 3 * QUERIES_OF_A_HUNDRED
