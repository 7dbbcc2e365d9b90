"""Erase staff's notes about a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.notes.models import Note
from accounts.privacy.names import names_of
from accounts.privacy.registry import PersonalData
from accounts.teams.models import Team
from accounts.teams.personal_data import teams_alone


def _notes_about(user: User) -> QuerySet[Note]:
    """Return the notes about the user, about teams without other members, and those of the user's teams that name
    the user.
    """
    named = reduce(or_, (Q(text__icontains=name) for name in names_of(user)), Q(pk__in=[]))
    teams = Q(team__in=Team.objects.filter(memberships__user=user)) & named
    alone = Q(team__in=teams_alone(user))
    return Note.objects.filter(Q(user=user) | alone | teams).exclude(text="")


class NotesData(PersonalData):
    left_out = {"notes.Note": "staff's own notes about customers; staff can add them to their answer"}

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (Note.objects.filter(user=user),)

    def count(self, user: User) -> Mapping[str, int]:
        return {"staff notes": _notes_about(user).count()}

    def erase(self, user: User) -> None:
        _notes_about(user).update(text="")
