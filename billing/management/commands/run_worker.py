"""Run background jobs: `manage.py run_worker`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from core.jobs.worker import run_worker


class Command(BaseCommand):
    help = "Run background jobs until stopped (SIGTERM, Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:
        run_worker()
