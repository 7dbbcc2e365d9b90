"""Say what the trial has shown: for people, and as the table of docs/scale.md."""

from __future__ import annotations

from collections.abc import Sequence

from dev.trial.log import Attempt, Log
from dev.trial.promotions import Promotion
from dev.trial.proof import Findings


def report(
    minutes: float,
    faults: Sequence[tuple[str, float, float]],
    promotions: Sequence[Promotion],
    lag: Sequence[float],
    log: Log,
    found: Findings,
) -> str:
    names = [name for name, _begun, _ended in faults]
    lines = [
        "",
        f"{minutes:.0f} minutes under load, {len(faults)} failures:",
        *(f"  {names.count(name):>3} x {name}" for name in dict.fromkeys(names)),
        "",
        "| | |",
        "|---|---|",
        *(f"| {what} | {_number(value)} |" for what, value in found.counted.items()),
    ]
    if promotions:
        without = [promotion.seconds_without_writes for promotion in promotions]
        lines += [
            f"| promotions | {len(promotions)} |",
            f"| seconds without an acknowledged spend per promotion: median, most "
            f"| {_median(without):.1f}, {max(without):.1f} |",
            f"| requests that failed in these seconds | {sum(promotion.failed for promotion in promotions)} |",
        ]
    if lag:
        lines.append(
            f"| replay lag of the slowest standby in ms: median, 99 %, most | "
            f"{_median(lag) * 1000:.0f}, {_share(lag, 0.99) * 1000:.0f}, {max(lag) * 1000:.0f} |"
        )
    lines += ["", "| request | answered | median ms | 95 % | 99 % | longest s |", "|---|---|---|---|---|---|"]
    for kind in dict.fromkeys(attempt.kind for attempt in log.attempts):
        lines.append(_latencies(kind, [attempt for attempt in log.attempts if attempt.kind == kind]))
    return "\n".join(lines)


def _latencies(kind: str, attempts: Sequence[Attempt]) -> str:
    seconds = [attempt.seconds for attempt in attempts if attempt.succeeded] or [0.0]
    shares = [_median(seconds), _share(seconds, 0.95), _share(seconds, 0.99)]
    columns = " | ".join(f"{share * 1000:.0f}" for share in shares)
    return f"| {kind} | {len(seconds):,} | {columns} | {max(seconds):.1f} |"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _median(values: Sequence[float]) -> float:
    return _share(values, 0.5)


def _share(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
