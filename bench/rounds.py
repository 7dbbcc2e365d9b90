"""Measure all contenders in turn, so that a slow moment of the machine hits all of them, and show progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import psycopg
from tqdm import tqdm

from bench.hosts import ContenderFailed, Measurement
from bench.load import Load, Pace
from bench.results import Results

Step = TypeVar("Step")
QUIET_S = 20


def show_progress(steps: Sequence[Step]) -> Iterator[Step]:
    """Show how far it is and how long it will take; without a terminal, now and then."""
    yield from tqdm(steps, mininterval=0.1 if sys.stderr.isatty() else QUIET_S)


def measure_in_turn(
    measures: Mapping[str, Callable[[Load], Measurement]], loads: Iterable[Load], pace: Pace, results: Results
) -> None:
    """Fill ``results`` by name. A contender that fails is recorded as absent, and the others go on."""
    numbers = range(max(pace.rounds, pace.rounds_of_aims))
    rounds = [load for number in numbers for load in loads if number < pace.rounds_for(load)]
    for load, name in show_progress([(load, name) for load in rounds for name in measures]):
        if name not in results.absent:
            try:
                results.add(name, load, measures[name](load))
            except ContenderFailed as error:
                results.absent[name] = reason(error)


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
