"""Stand in for a dj-stripe command that would do harm."""

from __future__ import annotations

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class WithheldCommand(BaseCommand):
    """Refuses to run; ``why`` gives the reason and the command to use instead, in one or two sentences."""

    why: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = f"Not offered here. {self.why}"

    def run_from_argv(self, argv: list[str]) -> None:
        """Refuse with the same message whatever the options."""
        super().run_from_argv(argv[:2])

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError(f"This command of dj-stripe's is not offered here. {self.why}")
