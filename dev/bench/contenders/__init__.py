"""Who is measured. One module each; what they import stays in their functions, since not all live in one environment.

A contender's module has ``load(url)`` (imports, once), ``create(url)`` (its tables), ``fund(url, accounts)``,
``start(url, accounts, option)``, which gives the function that carries out one operation and says how many spends it
made, and ``spent(url)``, the number of spends in its books. For pgbench it has a ``script(option)``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Contender:
    """``ours`` stands out in the picture. ``quick``: has an aim or is one's yardstick, so is part of QUICK=1 too."""

    name: str
    title: str
    module: str
    runner: Literal["pgbench", "worker", "http"] = "worker"
    option: str = ""
    ours: bool = False
    own_packages: bool = False
    quick: bool = True

    @property
    def database(self) -> str:
        return f"bench_{self.module}"

    @property
    def import_path(self) -> str:
        return f"dev.bench.contenders.{self.module}"


CONTENDERS = (
    Contender("pgbench", "pgbench, the least statement", "least", "pgbench"),
    Contender("psycopg", "psycopg, the least statement", "least", quick=False),
    Contender("pgbench-function", "pgbench calling our function", "ledger", "pgbench", ours=True),
    Contender("pgbench-unchained", "the same without the hash chain", "unchained", "pgbench", quick=False),
    Contender("psycopg-function", "psycopg calling our function", "ledger", option="function", ours=True),
    Contender("spend", "ledger.spend through Django", "ledger", option="spend", ours=True),
    Contender("spend-many-100", "ledger.spend_many, 100 each", "ledger", option="100", ours=True),
    Contender("spend-many-1000", "ledger.spend_many, 1,000 each", "ledger", option="1000", ours=True),
    Contender("plain", "the plain way in Django", "plain_django"),
    Contender("hordak", "django-hordak, balance checked", "hordak", own_packages=True),
    Contender("oscar", "django-oscar-accounts", "oscar_accounts", own_packages=True, quick=False),
    Contender("pgledger", "pgledger, all to one account", "pgledger", option="1"),
    Contender("pgledger-spread", "pgledger, to a thousand accounts", "pgledger", option="1000"),
    Contender("pgbench-pgledger", "the same, called by pgbench", "pgledger", "pgbench", "1000", quick=False),
)
BY_NAME = {contender.name: contender for contender in CONTENDERS}


def missing(contender: Contender) -> str:
    """Why it can't be measured here. Empty: it can."""
    if contender.module == "pgledger" and not Path(os.environ.get("PGLEDGER_SQL") or "/").is_file():
        return "not at hand: set PGLEDGER_SQL to the path of pgledger.sql"
    return ""
