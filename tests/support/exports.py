"""Read a file of a user's personal data."""

from __future__ import annotations

import csv

from accounts.models import User
from accounts.privacy.registry import PersonalData


def exported(part: type[PersonalData], name: str, user: User) -> list[dict[str, str]]:
    (lines,) = (file.lines(user) for file in part.files if file.name == name)
    return list(csv.DictReader("".join(lines or ()).splitlines()))
