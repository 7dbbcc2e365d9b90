"""When the database can't do what was asked: it is away, or somebody else holds what is needed.

Either is answered as 503 with the time after which to try again, by every API and page, and is no defect of ours.
"""

from __future__ import annotations

from typing import ClassVar

import structlog
from django.db import Error, InterfaceError, OperationalError

from core.errors import DomainError

logger = structlog.get_logger(__name__)

# What Django raises when the database can't be reached, went away, or had to give up.
DATABASE_AWAY = (OperationalError, InterfaceError)

# Lock not available; a statement, an idle transaction or a whole one took too long; a deadlock. PostgreSQL undid all of
# it: https://www.postgresql.org/docs/current/errcodes-appendix.html
GAVE_UP = {"55P03", "57014", "25P03", "25P04", "40P01"}


class Outage(DomainError):
    """Trying the same again, ``RETRY_AFTER_S`` seconds later, may well work."""

    status = 503
    RETRY_AFTER_S: ClassVar[int] = 1

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.RETRY_AFTER_S)}


class Unavailable(Outage):
    """The database is away. Whether a write was carried out is unknown: repeated with its key it happens once."""

    code = "unavailable"


class Busy(Outage):
    """Somebody else has held what this needs, mostly an account, for seconds. Nothing was changed."""

    code = "busy"
    RETRY_AFTER_S = 2


def gave_up(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended a wait that took too long."""
    return isinstance(error, Error) and getattr(error.__cause__, "sqlstate", None) in GAVE_UP


def outage_of(error: BaseException | None) -> Outage | None:
    """The outage behind an error of the database's, which is logged as one; None for any other error."""
    if gave_up(error):
        logger.warning("database_busy", reason=str(error).partition("\n")[0])
        return Busy("Another request is working on this. Nothing was changed. Please try again.")
    if isinstance(error, DATABASE_AWAY):
        logger.error("database_unavailable", error=type(error).__name__, exc_info=error)
        return Unavailable("The database is unavailable. Please try again; repeat a write with the same key.")
    return None
