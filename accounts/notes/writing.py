"""Write notes about customers."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.notes.errors import InvalidNote
from accounts.notes.models import LONGEST_NOTE, Note
from accounts.presence import keep_from_erasure
from accounts.teams.membership import lock_team
from accounts.teams.models import Team


def write_note(about: User | Team, author: User, text: str, key: UUID) -> Note:
    """Add a note about a user or a team, once per ``key``.

    Raises:
        InvalidNote: the text is empty or too long.
        UserErased: the user was erased.
    """
    text = _checked(text)
    with transaction.atomic():
        # An erasure waits for the note, and then empties it.
        holder: dict[str, User | Team]
        if isinstance(about, User):
            keep_from_erasure(about.pk)
            holder = {"user": about}
        else:
            holder = {"team": lock_team(about.pk)}
        note, _is_new = Note.objects.get_or_create(
            key=key, defaults={**holder, "text": text, "author_id": author.pk}
        )
    return note


def _checked(text: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidNote(_("Enter a note."))
    if len(text) > LONGEST_NOTE:
        raise InvalidNote(_("A note has at most %s characters.") % LONGEST_NOTE)
    return text
