"""The database is lost and restored to a moment, as docs/backups.md tells to: by the rehearsal itself."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.served import ROOT, database_url

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = (
    "Base backup of",
    "Tried the backup on a scratch server: it has what was there at the moment",
    "Lost: ",
    "Restored in",
    "All automatic top-ups are suspended",
    "check_ledger --since the kept head: the history is there, unchanged",
    "check_ledger --since a head from after the moment: says that what it sealed is not there",
    "repaired: paid_not_credited",
    "repaired: returned_not_here",
    "needs action: session_unknown",
    "needs action: payment_unknown",
    "Automatic top-ups are running",
    "Services repeat their orders by key: 2 were there, 2 of the gap are spent again",
    "Every paid credit is there, and the ledger is intact",
)


def test_a_restore_to_a_moment_ends_with_every_paid_credit() -> None:
    command = [sys.executable, "-m", "dev.backups", "--copy", database_url()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    at = [done.stdout.find(step) for step in STEPS]
    assert -1 not in at, done.stdout
    assert re.search(r"s  Restored in [\d.]+ s: [\d,]+ MB", done.stdout)
