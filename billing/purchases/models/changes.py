"""Note when purchases, refunds and disputes are created or changed, for the daily figures."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _


class ChangedMoment(models.Model):
    """A creation or change of something counted on the day of ``at``, noted by a database trigger."""

    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("moment of a change")
        verbose_name_plural = _("moments of changes")

    def __str__(self) -> str:
        return str(self.at)


def notes_changes(columns: str, *moments: str) -> pgtrigger.Trigger:
    """Return a trigger that notes these moments of a row on insert, and when one of the columns is written."""
    return pgtrigger.Trigger(
        name="notes_its_days",
        level=pgtrigger.Row,
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf(*columns.split()),  # type: ignore[no-untyped-call]
        func="".join(_note(moment) for moment in moments) + "RETURN NULL;",
    )


def _note(moment: str) -> str:
    insert = f"INSERT INTO purchases_changedmoment (at) VALUES (NEW.{moment});"  # noqa: S608  # a column's name, from here
    return f"IF NEW.{moment} IS NOT NULL THEN {insert} END IF; "
