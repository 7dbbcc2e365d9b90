"""Measure all contenders in turn, so that a slow moment of the machine hits all of them, and show progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import psycopg

from bench.hosts import ContenderFailed, Measurement
from bench.load import Load, Pace
from bench.results import Results

QUIET_S = 20


def measure_in_turn(
    measures: Mapping[str, Callable[[Load], Measurement]], loads: Iterable[Load], pace: Pace, results: Results
) -> None:
    """Fill ``results`` by name. A contender that fails is recorded as absent, and the others go on."""
    numbers = range(max(pace.rounds, pace.rounds_of_aims))
    rounds = [(number, load) for number in numbers for load in loads if number < pace.rounds_for(load)]
    progress = Progress(len(rounds) * len(measures))
    for _, load in rounds:
        for name, measure in measures.items():
            progress.step(f"{name}: {load.name}")
            if name not in results.absent:
                try:
                    results.add(name, load, measure(load))
                except ContenderFailed as error:
                    results.absent[name] = reason(error)
    progress.step("done")


def check_books(results: Results, names: Sequence[str], url: str, spent: str) -> None:
    """Compare what these counted with what ``spent`` says was booked, or one that skips work would win.

    Raises:
        ContenderFailed: they differ.
    """
    counted = sum(each.finished for each in results.of(names))
    with psycopg.connect(url) as connection:
        [booked] = connection.execute(spent.encode()).fetchone() or [0]
    # A contender that failed could not report how many it had made.
    if counted != booked and not set(names) & set(results.absent):
        raise ContenderFailed(f"{', '.join(names)} counted {counted} spends and booked {booked}.")


def reason(error: ContenderFailed) -> str:
    return f"failed: {str(error).strip().splitlines()[-1]}"


class Progress:
    """Shows the time left of ``steps``; without a terminal, now and then."""

    def __init__(self, steps: int) -> None:
        self.steps, self.begun_steps = steps, 0
        self.begun = self.said = time.monotonic()

    def step(self, text: str) -> None:
        """Show that the next step has begun, or after the last one that all are done."""
        now, done = time.monotonic(), self.begun_steps
        self.begun_steps += 1
        left = int((now - self.begun) / max(done, 1) * (self.steps - done))
        line = f"{done / self.steps:4.0%}  {left // 60}:{left % 60:02d} left  {text}"
        if sys.stdout.isatty():
            print(f"\r{line:<100}", end="" if done < self.steps else "\n", flush=True)
        elif now - self.said >= QUIET_S:
            self.said = now
            print(line, flush=True)
