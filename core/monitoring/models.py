"""Store when something that must happen regularly last happened."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class LastRun(models.Model):
    """The last run of a periodic job, of the ledger's proof, or of another regular check, one row each.

    ``first_seen_at`` is when it was first expected, so that one which never ran has an age too. ``succeeded_at`` is the
    last success; ``problems`` says, in short codes, what the last run found wrong, and is empty after a success.
    """

    name = models.CharField(max_length=150, primary_key=True)
    first_seen_at = models.DateTimeField(db_default=Now(), editable=False)
    ran_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    problems = models.CharField(max_length=300, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return self.name
