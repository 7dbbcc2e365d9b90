"""How far a command has come, for whoever watches it."""

from __future__ import annotations

from django.core.management.base import OutputWrapper

WIDTH = 30


def draw_share(out: OutputWrapper, share: float) -> None:
    """A bar on a terminal, from 0 to 1; nothing in a log."""
    if out.isatty():
        filled = round(WIDTH * share)
        ending = "\n" if share >= 1 else ""
        out.write(f"\r[{'#' * filled}{' ' * (WIDTH - filled)}] {share:4.0%}", ending=ending)
        out.flush()
