"""What can fail, and how it is made to fail."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from dev.cluster.whole import FOLDER, WEB, WORKERS, Cluster
from dev.trial.log import now

KILLED_PRIMARY = "the primary was killed"
# What the new release adds to the database. The old one runs on it, as it does not know it.
MIGRATION = '''"""Add a column that the old release doesn't know, as an upgrade would."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("credits", "{last}")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE credits_hold ADD COLUMN trial_{number} integer NOT NULL DEFAULT {number}",
            migrations.RunSQL.noop,
        )
    ]
'''
# What a release consists of, and the cluster's own settings.
CODE = (
    "config",
    "core",
    "backoffice",
    "accounts",
    "credits",
    "billing",
    "dev",
    "sandbox",
    "templates",
    "static",
    "locale",
)


class Faults:
    """Makes one part of the cluster fail after another."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.releases = 0
        self.happened: list[tuple[str, float, float]] = []
        self._all: dict[str, Callable[[], None]] = {
            "a web server was killed": self.kill_web,
            "a worker was killed": self.kill_worker,
            "PgBouncer was killed": self.kill_pgbouncer,
            "Redis was killed": self.kill_redis,
            KILLED_PRIMARY: self.kill_primary,
            "a new release was rolled out": self.upgrade,
            "a standby was killed": self.kill_standby,
        }

    @property
    def names(self) -> list[str]:
        return list(self._all)

    def make(self, name: str) -> None:
        """Make it happen, and return when what it takes by itself is over."""
        begun = now()
        self._all[name]()
        self.happened.append((name, begun, now()))

    def kill_web(self) -> None:
        self.cluster.keeper.kill(random.choice(WEB))  # noqa: S311

    def kill_worker(self) -> None:
        self.cluster.keeper.kill(random.choice(WORKERS))  # noqa: S311

    def kill_pgbouncer(self) -> None:
        self.cluster.keeper.kill("pgbouncer")

    def kill_redis(self) -> None:
        self.cluster.keeper.kill("redis")

    def kill_primary(self) -> None:
        self.cluster.primary.kill()

    def kill_standby(self) -> None:
        """Kill the synchronous one: the next takes its place, and it comes back by itself."""
        standby = next(server for server in self.cluster.servers if server is not self.cluster.primary)
        standby.kill()
        standby.start()

    def upgrade(self) -> None:
        """Roll out a copy of the code with one more migration."""
        self.releases += 1
        release = FOLDER / f"release-{self.releases}"
        release.mkdir()
        for folder in CODE:
            shutil.copytree(self.cluster.release / folder, release / folder)
        shutil.copy(self.cluster.release / "manage.py", release)
        _add_migration(release, self.releases)
        self.cluster.upgrade(release)


def _add_migration(release: Path, number: int) -> None:
    folder = release / "credits" / "migrations"
    last = max(path.stem for path in folder.glob("0*.py"))
    (folder / f"{int(last[:4]) + 1:04}_trial_{number}.py").write_text(
        MIGRATION.format(last=last, number=number)
    )
