"""Replace a user's names in texts written by others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from accounts.models import User
from accounts.normal_form import normal_form

PREFIX = "erased-"


def names_of(user: User) -> list[str]:
    """Return how others' texts may name the user, longest first; names too short to be told from words are left out."""
    names = {user.email, user.username, user.get_full_name()}
    return sorted((name for name in names if len(name) > 2), key=len, reverse=True)


def without_names(text: str, names: Iterable[str], instead: str) -> str:
    """Replace each of these names, in any case, where it is a word of its own."""
    for name in names:
        word = rf"(?<![\w@.+-]){re.escape(name)}(?![\w@+-])"
        text = re.sub(word, partial(_instead_of, name, instead), text, flags=re.IGNORECASE)
    return text


def _instead_of(name: str, instead: str, found: re.Match[str]) -> str:
    """Keep what only IGNORECASE takes for the name: it matches ſue@ to sue@, who is another user."""
    in_one_case = normal_form if "@" in name else str.lower
    return instead if in_one_case(found[0]) == in_one_case(name) else found[0]
