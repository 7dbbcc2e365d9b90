"""A bar with the time that is left."""

from __future__ import annotations

import sys
import time

WIDTH = 30
QUIET_S = 20


class Progress:
    """Counts seconds of planned work, since the steps differ in length. Without a terminal it prints now and then."""

    def __init__(self, planned_s: float) -> None:
        self.planned_s = max(planned_s, 1.0)
        self.done_s = 0.0
        self.begun = time.monotonic()
        self.said = 0.0

    def step(self, planned_s: float, text: str) -> None:
        """Says that ``text`` has begun, and that ``planned_s`` of the plan will be done when it ends."""
        self._show(text)
        self.done_s += planned_s

    def finish(self) -> None:
        self.done_s = self.planned_s
        self._show("done")
        if sys.stdout.isatty():
            print()

    def _show(self, text: str) -> None:
        share = min(1.0, self.done_s / self.planned_s)
        passed = time.monotonic() - self.begun
        # The plan's own pace until enough has been seen of the machine's.
        pace = passed / self.done_s if self.done_s > 0.05 * self.planned_s else 1.0
        left = max(0.0, self.planned_s - self.done_s) * pace
        if sys.stdout.isatty():
            bar = "█" * int(share * WIDTH) + "░" * (WIDTH - int(share * WIDTH))
            print(f"\r{bar} {share:4.0%}  {_clock(left)} left  {text[:60]:<60}", end="", flush=True)
        elif passed - self.said >= QUIET_S or share >= 1:
            self.said = passed
            print(f"{share:4.0%}  {_clock(left)} left  {text}", flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
