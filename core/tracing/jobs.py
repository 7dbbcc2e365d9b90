"""Let a job continue the trace of whoever deferred it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from procrastinate import JobContext

from core.tracing.spans import Kind, span, traceparent
from core.tracing.starting import start_tracing

# Among a job's arguments, and of no task: jobs have no other place.
TRACEPARENT = "traceparent"


def traced(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a job's arguments with the current trace added, if there is one."""
    here = traceparent()
    return {**arguments, TRACEPARENT: here} if here else arguments


def continue_trace(call_next: Callable[[], Any], context: JobContext, worker: Any) -> Any:
    """Run a job in its trace, as a middleware of procrastinate's tasks.

    Also where tracing is off: a job that was deferred while it was on has an argument too many for its task.
    """
    start_tracing()
    job = context.job
    caller = job.task_kwargs.pop(TRACEPARENT, "")
    attributes: dict[str, str | int] = {
        "messaging.system": "procrastinate",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.queue,
        "messaging.message.id": str(job.id),
        "job.attempt": job.attempts + 1,
    }
    with span(job.task_name, Kind.CONSUMER, attributes, {TRACEPARENT: str(caller)} if caller else {}):
        return call_next()
