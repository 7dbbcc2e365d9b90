"""Runs one contender's Python, in the interpreter that has its packages: `python -m dev.bench.worker <module> <url>`.

Reads one JSON command per line and answers with one line. For each measurement it forks one process per client, so
that Django is loaded once and each client still has an interpreter of its own. Imports nothing but the standard library
and the contender: the other ledgers' environment has nothing of ours.
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
from typing import Any, TextIO

PATIENCE_S = 120
FORK = multiprocessing.get_context("fork")


def main() -> None:
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a contender prints is not an answer
    contender = importlib.import_module(sys.argv[1])
    contender.load(sys.argv[2])
    _answer(answers, {"ready": True})
    for line in sys.stdin:
        command = json.loads(line)
        try:
            _answer(answers, _carry_out(contender, command))
        except Exception:  # noqa: BLE001 - whatever it is, the other end shall see it
            _answer(answers, {"error": traceback.format_exc()})


def _answer(answers: TextIO, value: Any) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _carry_out(contender: Any, command: dict[str, Any]) -> Any:
    if command["do"] == "measure":
        return measure(contender, command)
    function = getattr(contender, command["do"])
    return _in_child(lambda: function(*command.get("arguments", [])))


def _in_child(function: Callable[[], Any]) -> Any:
    """Calls it in a process of its own: this one stays free of connections and threads, which don't survive a fork."""
    receiver, sender = FORK.Pipe(duplex=False)
    child = FORK.Process(target=_send_result, args=(function, sender))
    child.start()
    sender.close()
    try:
        result, error = receiver.recv()
    except EOFError:
        result, error = None, "The process ended without an answer."
    child.join()
    if error:
        raise RuntimeError(error)
    return result


def _send_result(function: Callable[[], Any], sender: Any) -> None:
    try:
        sender.send((function(), None))
    except Exception:  # noqa: BLE001 - whatever it is, the other end shall see it
        sender.send((None, traceback.format_exc()))


def measure(contender: Any, command: dict[str, Any]) -> dict[str, float]:
    """All clients warm up, wait for each other, and count what they finish within the window.

    Returns operations per second over all clients, how many there were in all (warm-up included), and the processor
    seconds that the clients themselves took within the window.
    """
    clients = int(command["clients"])
    barrier = FORK.Barrier(clients)
    pipes = [FORK.Pipe(duplex=False) for _ in range(clients)]
    children = [
        FORK.Process(target=_send_result, args=(_client(contender, command, barrier), sender))
        for _, sender in pipes
    ]
    for child in children:
        child.start()
    answers = [_receive(receiver, sender) for receiver, sender in pipes]
    for child in children:
        child.join()
    errors = [error for _, error in answers if error]
    if errors:
        raise RuntimeError(errors[0])
    counts = [result for result, _ in answers]
    return {
        "per_second": sum(count["counted"] / count["seconds"] for count in counts),
        "finished": sum(count["finished"] for count in counts),
        "cpu_s": sum(count["cpu_s"] for count in counts),
    }


def _receive(receiver: Any, sender: Any) -> Any:
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None, "A client ended without an answer."


def _client(contender: Any, command: dict[str, Any], barrier: Any) -> Callable[[], dict[str, float]]:
    def run() -> dict[str, float]:
        try:
            operation = contender.start(sys.argv[2], int(command["accounts"]), command.get("option", ""))
            warmed = _repeat(operation, float(command["warm_up_s"]))
            barrier.wait(PATIENCE_S)
        except Exception:
            barrier.abort()
            raise
        begun, cpu = time.perf_counter(), _cpu_s()
        counted = _repeat(operation, float(command["window_s"]))
        seconds = time.perf_counter() - begun
        return {
            "counted": counted,
            "seconds": seconds,
            "finished": warmed + counted,
            "cpu_s": _cpu_s() - cpu,
        }

    return run


def _repeat(operation: Callable[[], int], seconds: float) -> int:
    """Carries it out until the time is over, at least once. Gives how many spends it made."""
    finished = operation()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        finished += operation()
    return finished


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
