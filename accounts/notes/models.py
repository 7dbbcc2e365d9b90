"""Store staff's notes about customers."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.teams.models import Team
from core.database.guards import never_deleted

LONGEST_NOTE = 2000


class Note(models.Model):
    """What a member of staff wrote about a user or a team. It is never changed; erasing the user empties ``text``.

    ``key`` is the form's: a second click writes nothing.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        on_delete=models.PROTECT,
        null=True,
        related_name="notes",
        db_index=False,  # an index below begins with it
    )
    team = models.ForeignKey(
        Team,
        verbose_name=_("team"),
        on_delete=models.PROTECT,
        null=True,
        related_name="notes",
        db_index=False,  # the same
    )
    text = models.CharField(_("text"), max_length=LONGEST_NOTE)
    key = models.UUIDField(_("key"), unique=True)
    # No foreign key, as in purchase events: erasing the author must not need an update here.
    author_id = models.UUIDField(_("author"))
    created_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        default_permissions = ("add", "view")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True, team__isnull=False) | Q(user__isnull=False, team__isnull=True),
                name="note_is_about_a_user_or_a_team",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="note_of_user"),
            models.Index(fields=["team", "-created_at", "-id"], name="note_of_team"),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="keeps_what_it_came_as", exclude=["text"]),
            pgtrigger.Protect(
                name="forgets_its_text_only",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__text__df=pgtrigger.F("new__text")) & ~pgtrigger.Q(new__text=""),
            ),
            pgtrigger.Protect(
                name="says_something", operation=pgtrigger.Insert, condition=pgtrigger.Q(new__text="")
            ),
            *never_deleted(),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
