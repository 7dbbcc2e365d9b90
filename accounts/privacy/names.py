"""Finds a person's names in what others wrote, and puts another word there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

from accounts.models import User
from accounts.normal_form import normal_form

PREFIX = "erased-"


def names_of(user: User) -> list[str]:
    """What other people's texts may call them: the longest first, none so short that it is a part of ordinary words."""
    names = {user.email, user.username, user.get_full_name()}
    return sorted((name for name in names if len(name) > 2), key=len, reverse=True)


def without_names(text: str, names: Iterable[str], instead: str) -> str:
    """Put another word for each of these names, where it stands as a word of its own, in any case."""
    for name in names:
        word = rf"(?<![\w@.+-]){re.escape(name)}(?![\w@+-])"
        text = re.sub(word, partial(_instead_of, name, instead), text, flags=re.IGNORECASE)
    return text


def _instead_of(name: str, instead: str, found: re.Match[str]) -> str:
    """Leave what only IGNORECASE takes for the name: to it ſue@ is sue@, who is somebody else."""
    in_one_case = normal_form if "@" in name else str.lower
    return instead if in_one_case(found[0]) == in_one_case(name) else found[0]
