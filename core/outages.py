"""Answer 503, with the time to retry, if the database is away or a lock is held for too long: no defect in our code."""

from __future__ import annotations

import structlog
from django.db import Error, InterfaceError, OperationalError

from core.errors import DomainError

logger = structlog.get_logger(__name__)

# Raised by Django when the database can't be reached, went away, or had to give up.
DATABASE_AWAY = (OperationalError, InterfaceError)

# Lock not available; a statement, an idle transaction or a whole one timed out; a deadlock. PostgreSQL rolled all of it
# back: https://www.postgresql.org/docs/current/errcodes-appendix.html
GAVE_UP = {"55P03", "57014", "25P03", "25P04", "40P01"}


class Outage(DomainError):
    """A failure after which retrying in ``RETRY_AFTER_S`` seconds may work."""

    status = 503
    RETRY_AFTER_S = 1


class Unavailable(Outage):
    """The database is away. A write may have been carried out: retrying with the same key never repeats it."""

    code = "unavailable"


class Busy(Outage):
    """Another request has held what this one needs, mostly an account, for seconds. Nothing was changed."""

    code = "busy"
    RETRY_AFTER_S = 2


def gave_up(error: BaseException | None) -> bool:
    """Return whether PostgreSQL ended a wait that took too long."""
    return isinstance(error, Error) and getattr(error.__cause__, "sqlstate", None) in GAVE_UP


def outage_of(error: BaseException | None) -> Outage | None:
    """Return the outage behind a database error, after logging it; None for any other error."""
    if gave_up(error):
        logger.warning("database_busy", reason=str(error).partition("\n")[0])
        return Busy("Another request is working on this. Nothing was changed. Please try again.")
    if isinstance(error, DATABASE_AWAY):
        logger.error("database_unavailable", error=type(error).__name__, exc_info=error)
        return Unavailable("The database is unavailable. Please try again; repeat a write with the same key.")
    return None
