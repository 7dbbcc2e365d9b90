"""`manage.py reconcile`: compares a period with Stripe, repairs what is safe, and names the rest."""

from __future__ import annotations

import datetime
import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from billing.errors import BillingError
from billing.models import ReconciliationRun
from billing.reconciliation import Report
from billing.reconciliation_runs import run_reconciliation
from config.progress import ProgressBar


class Command(BaseCommand):
    help = "Compares purchases with Stripe over a period; exits with 1 when something needs a person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="start", help="date or time (UTC without an offset); default: a day ago"
        )
        parser.add_argument("--to", dest="end", help="date (its end) or time; default: now")

    def handle(self, *args: Any, start: str | None, end: str | None, **options: Any) -> None:
        now = timezone.now()
        first = _instant(start, datetime.time.min) if start else now - datetime.timedelta(days=1)
        last = _instant(end, datetime.time.max) if end else now
        if first >= last:
            raise CommandError(f"The period ends ({last}) before it begins ({first}).")
        try:
            with ProgressBar(self.stdout, "Comparing") as bar:
                _run, report = run_reconciliation(
                    first, last, ReconciliationRun.Source.COMMAND, progress=bar.show
                )
        except BillingError as error:
            raise CommandError(
                f"{error.message} What was repaired so far stays; run the command again."
            ) from error
        self._summarise(report)
        if report.open:
            sys.exit(1)

    def _summarise(self, report: Report) -> None:
        for title, findings in (("repaired", report.repaired), ("needs a person", report.open)):
            for finding in findings:
                where = finding.purchase_id or finding.session_id
                self.stdout.write(f"{title}: {finding.kind}: {where}: {finding.detail}")
        kinds = Counter(finding.kind for finding in report.open)
        left = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "nothing"
        self.stdout.write(
            f"Compared {report.sessions} sessions and {report.purchases} purchases; "
            f"repaired {len(report.repaired)}; left to a person: {left}."
        )


def _instant(text: str, time_of_day: datetime.time) -> datetime.datetime:
    try:
        instant, day = parse_datetime(text), parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no date: {error}.") from error
    if day is not None and "T" not in text and ":" not in text:
        return datetime.datetime.combine(day, time_of_day, tzinfo=datetime.UTC)
    if instant is None:
        raise CommandError(f"{text!r} is no date or time. Write 2026-11-21 or 2026-11-21T14:00:00Z.")
    return instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)
