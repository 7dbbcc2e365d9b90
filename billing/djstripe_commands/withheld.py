"""What answers for a command of dj-stripe's that would do harm."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class WithheldCommand(BaseCommand):
    """Refuses, says why, and names what to run instead: ``why`` is one or two sentences."""

    why: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = f"Not offered here. {self.why}"

    def run_from_argv(self, argv: list[str]) -> None:
        """Whatever options came with it: they get the same word."""
        super().run_from_argv(argv[:2])

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError(f"This command of dj-stripe's is not offered here. {self.why}")
