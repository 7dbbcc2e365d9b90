"""Compare a period with Stripe, repair what is safe and list the rest: `manage.py reconcile`."""

from __future__ import annotations

import datetime
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from billing.errors import BillingError
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun
from billing.reconciliation.runs import begin_run, last_that_stopped, resume_run
from core.progress import ProgressBar

State = ReconciliationFinding.State
TITLES = {State.REPAIRED: "repaired", State.WAITING: "needs action"}


class Command(BaseCommand):
    help = "Compare purchases with Stripe over a period. Exits with 1 if any issue needs action."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="start", help="date or time (UTC unless it has an offset); default: a day ago"
        )
        parser.add_argument("--to", dest="end", help="date (inclusive) or time; default: now")
        parser.add_argument(
            "--resume",
            nargs="?",
            type=int,
            const=0,
            metavar="RUN",
            help="resume an interrupted run: the latest, or the one with this number",
        )

    def handle(
        self, *args: Any, start: str | None, end: str | None, resume: int | None, **options: Any
    ) -> None:
        if resume is not None and (start or end):
            raise CommandError("A resumed run keeps its period: leave out --from and --to.")
        try:
            run_id = _begin(start, end) if resume is None else resume or last_that_stopped()
            with ProgressBar(self.stdout, "Comparing") as bar:
                run = resume_run(run_id, lambda run: bar.show(run.share, _counted(run)))
        except ReconciliationRun.DoesNotExist as error:
            raise CommandError(f"There is no reconciliation {resume}.") from error
        except (StripeUnavailable, StripeRefused) as error:
            kept = "Progress is saved;" if error.passes_by_itself else "Fix that, then"
            raise CommandError(
                f"{error.for_staff} {kept} continue with `reconcile --resume {run_id}`."
            ) from error
        except BillingError as error:
            raise CommandError(error.for_staff) from error
        self._summarise(run)
        if run.findings.filter(state=State.WAITING).exists():
            sys.exit(1)

    def _summarise(self, run: ReconciliationRun) -> None:
        for state, title in TITLES.items():
            for found in run.findings.filter(state=state).order_by("id").iterator():
                where = found.purchase_id or found.session_id or found.subscription_id
                words = [title, found.kind, str(where or ""), found.detail]
                self.stdout.write(": ".join(filter(None, words)))
        kinds = run.findings.filter(state=State.WAITING).values_list("kind").annotate(Count("id"))
        left = ", ".join(f"{count} {kind}" for kind, count in kinds.order_by("kind")) or "nothing"
        repaired = run.findings.filter(state=State.REPAIRED).count()
        self.stdout.write(f"Compared {_compared(run)}; repaired {repaired}; needing action: {left}.")


def _begin(start: str | None, end: str | None) -> int:
    now = timezone.now()
    first = _instant(start, datetime.time.min) if start else now - datetime.timedelta(days=1)
    last = min(now, _instant(end, datetime.time.max)) if end else now
    if first >= last:
        raise CommandError(f"The period ends ({last}) before it starts ({first}).")
    return begin_run(first, last, ReconciliationRun.Source.COMMAND).pk


def _compared(run: ReconciliationRun) -> str:
    text = f"{run.sessions} sessions, {run.payments} payments and {run.purchases} purchases"
    if run.invoices or run.subscriptions:
        text += f", {run.invoices} invoices of plans and {run.subscriptions} subscriptions"
    return text


def _counted(run: ReconciliationRun) -> str:
    return f"{run.sessions:,} sessions, {run.payments:,} payments, {run.purchases:,} purchases"


def _instant(text: str, time_of_day: datetime.time) -> datetime.datetime:
    try:
        instant, day = parse_datetime(text), parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not a valid date: {error}.") from error
    if day is not None and "T" not in text and ":" not in text:
        return datetime.datetime.combine(day, time_of_day, tzinfo=datetime.UTC)
    if instant is None:
        raise CommandError(f"{text!r} is not a date or time. Use 2026-11-21 or 2026-11-21T14:00:00Z.")
    return instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)
