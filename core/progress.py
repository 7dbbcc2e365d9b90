"""Show a progress bar on a terminal, and nothing in a log."""

from __future__ import annotations

from types import TracebackType

from django.core.management.base import OutputWrapper

WIDTH = 30


class ProgressBar:
    """A bar for the share done, from 0 to 1, with a note. Call ``clear`` before writing anything else."""

    def __init__(self, out: OutputWrapper, what: str) -> None:
        self.out, self.what = out, what
        self.shown = ""

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, share: float, note: str = "") -> None:
        filled = int(WIDTH * share)
        text = f"{self.what} [{'#' * filled}{' ' * (WIDTH - filled)}] {int(100 * share):3}%{note and '  ' + note}"
        if text != self.shown and self.out.isatty():
            self._write(f"\r{text.ljust(len(self.shown))}")
            self.shown = text

    def clear(self) -> None:
        if self.shown:
            self._write(f"\r{' ' * len(self.shown)}\r")
            self.shown = ""

    def _write(self, text: str) -> None:
        self.out.write(text, ending="")
        self.out.flush()
