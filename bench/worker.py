"""Run one module's Python in the interpreter that has its packages: `python -m bench.worker <module> <url>`.

Reads one JSON command per line, ``[function, argument, …]``, and answers with one line. Each call is made in forked
processes, so that Django is loaded once and every client still has an interpreter of its own. Imports nothing but the
standard library and the module: the other ledgers' environment has none of our packages.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from threading import BrokenBarrierError
from typing import Any

PATIENCE_S = 120
FORK = multiprocessing.get_context("fork")
shared: dict[str, Any] = {}  # clients inherit it by the fork; it can't be pickled


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a module prints is no answer
    module: Any = importlib.import_module(sys.argv[1])
    module.load(sys.argv[2])
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            if name == "measure":
                answer: Any = measure(module, *arguments)
            else:
                [answer] = _fork(1, getattr(module, name), *arguments)
        except Exception:  # noqa: BLE001 - the other end reports it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


def _fork(count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Call it in ``count`` processes at once. This one stays free of connections, which don't survive a fork."""
    with ProcessPoolExecutor(count, mp_context=FORK) as pool:
        jobs = [pool.submit(function, *arguments) for _ in range(count)]
        errors = [error for job in jobs if (error := job.exception())]
    if errors:
        # A client that waited for a failed one only knows that it waited.
        raise next((error for error in errors if not isinstance(error, BrokenBarrierError)), errors[0])
    return [job.result() for job in jobs]


def measure(
    module: Any, clients: int, accounts: int, option: str, warm_up_s: float, window_s: float
) -> list[float]:
    """Have all clients warm up, wait for each other, and count what they finish within the window.

    Returns operations per second over all clients, how many there were in all (warm-up included), and the processor
    seconds that the clients themselves took within the window.
    """
    shared["start"], shared["barrier"] = module.start, FORK.Barrier(clients)
    counts = _fork(clients, _count_operations, accounts, option, warm_up_s, window_s)
    return [sum(column) for column in zip(*counts, strict=True)]


def _count_operations(
    accounts: int, option: str, warm_up_s: float, window_s: float
) -> tuple[float, int, float]:
    try:
        operation = shared["start"](sys.argv[2], accounts, option)
        warmed = _repeat(operation, warm_up_s)
        shared["barrier"].wait(PATIENCE_S)
    except Exception:
        shared["barrier"].abort()
        raise
    begun, cpu = time.perf_counter(), _cpu_s()
    counted = _repeat(operation, window_s)
    return counted / (time.perf_counter() - begun), warmed + counted, _cpu_s() - cpu


def _repeat(operation: Callable[[], object], seconds: float) -> int:
    """Repeat it until the time is up, at least once. Returns how often."""
    operation()
    finished, end = 1, time.perf_counter() + seconds
    while time.perf_counter() < end:
        operation()
        finished += 1
    return finished


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
