"""Say whether a process can serve, and what else is wrong.

A *fatal* check takes the process out of the load balancer, so only what another process might not suffer from is fatal:
the database out of reach, and a schema older than this code. Everything else is the same for every process, and taking
them all out would cure nothing: it is reported as degraded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from core.monitoring.readings import STATEMENT_TIMEOUT_MS, can_reach_database
from core.outages import DATABASE_AWAY

logger = structlog.get_logger(__name__)

Check = Callable[[], str]

_checks: dict[str, Check] = {}
# Applied migrations stay applied, so a process asks only until it has seen all of its own.
_seen_applied: list[bool] = []


@dataclass(frozen=True)
class CheckResult:
    """A check's outcome; ``problem`` is empty if nothing is wrong."""

    name: str
    problem: str
    fatal: bool = False


def register_check(name: str, check: Check) -> None:
    """Add a check that never takes a process out. It returns what is wrong, or nothing."""
    _checks[name] = check


def fatal_checks() -> list[CheckResult]:
    """Run the checks that decide whether this process may get requests."""
    if not can_reach_database():
        return [CheckResult("database", "it doesn't answer", fatal=True)]
    return [
        CheckResult("database", "", fatal=True),
        CheckResult("migrations", migrations_problem(), fatal=True),
    ]


def all_checks() -> list[CheckResult]:
    """Run every check; without the database only the fatal ones, as the others would wait for it in turn."""
    fatal = fatal_checks()
    if any(result.name == "database" and result.problem for result in fatal):
        return fatal
    return [*fatal, *(CheckResult(name, _problem_of(name, check)) for name, check in _checks.items())]


def is_ready(results: list[CheckResult]) -> bool:
    return not any(result.fatal and result.problem for result in results)


def migrations_problem() -> str:
    """Return which migrations of this code the database lacks; nothing if it has them all."""
    if _seen_applied:
        return ""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DATABASE_AWAY:
        return "the database doesn't answer"
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing[:3])
        return f"{len(missing)} not applied: {names}{' …' if missing[3:] else ''}: run manage.py migrate"
    _seen_applied.append(True)
    return ""


def _problem_of(name: str, check: Check) -> str:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            return check()
    except Exception as error:  # noqa: BLE001 - it is the answer; the other checks are still run
        logger.warning("check_failed", check=name, error=type(error).__name__)
        return f"it couldn't be checked: {type(error).__name__}"
