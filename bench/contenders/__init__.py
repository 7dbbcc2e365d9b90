"""List the contenders in the order of the tables: a module each, and one line for each way to call it.

A contender's module imports its packages inside functions: they live in two virtual environments.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.contenders import hordak, least, ledger, pgledger, plain


class Measured(Protocol):
    """What `bench.worker` expects of a module."""

    __name__: str

    def load(self, url: str, /) -> None:
        """Import and configure what the rest needs, once per process."""

    def start(self, url: str, accounts: int, option: str, /) -> Callable[[], object]:
        """Connect, and return the function that carries out one operation or raises."""


class Ledger(Measured, Protocol):
    """What every ledger's module has. There is nothing to clean up: the scratch server is deleted."""

    SPENT: str  # SQL that counts the spends booked

    def prepare(self, url: str, accounts: int, /) -> None:
        """Create tables in an empty database, and accounts with more credits than a run can spend."""


@dataclass(frozen=True)
class Contender:
    """One line of the tables.

    ``size`` is how many spends an operation makes, ``script`` what pgbench runs instead of ``start``, ``change`` SQL
    that alters the prepared database. ``quick``: has an aim or is the yardstick of one, so it takes part in QUICK=1.
    """

    name: str
    title: str
    module: Ledger
    option: str = ""
    size: int = 1
    script: str = ""
    change: str = ""
    own_packages: bool = False
    quick: bool = True

    @property
    def database(self) -> str:
        return f"bench_{self.module.__name__.rsplit('.', 1)[-1]}{'_changed' if self.change else ''}"

    @property
    def missing(self) -> str:
        """Why it can't be measured here; empty if it can."""
        if self.module is pgledger and not Path(os.environ.get("PGLEDGER_SQL") or "/").is_file():
            return "not at hand: set PGLEDGER_SQL to the path of pgledger.sql"
        return ""


CONTENDERS = (
    Contender("pgbench", "pgbench, the least statement", least, script=least.SCRIPT),
    Contender("psycopg", "psycopg, the least statement", least, quick=False),
    Contender("pgbench-function", "pgbench calling our function", ledger, script=ledger.SCRIPT),
    Contender(
        "pgbench-unchained",
        "the same without the hash chain",
        ledger,
        script=ledger.SCRIPT,
        change=ledger.UNCHAIN,
        quick=False,
    ),
    Contender("psycopg-function", "psycopg calling our function", ledger, "function"),
    Contender("spend", "ledger.spend through Django", ledger, "spend"),
    Contender("spend-many-100", "ledger.spend_many, 100 each", ledger, "100", size=100),
    Contender("spend-many-1000", "ledger.spend_many, 1,000 each", ledger, "1000", size=1000),
    Contender("plain", "the plain way in Django", plain),
    Contender("hordak", "django-hordak, balance checked", hordak, own_packages=True),
    Contender("pgledger", "pgledger, all to one account", pgledger, "1"),
    Contender("pgledger-spread", "pgledger, to a thousand accounts", pgledger, "1000"),
    Contender(
        "pgbench-pgledger", "the same, called by pgbench", pgledger, script=pgledger.SCRIPT, quick=False
    ),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}
