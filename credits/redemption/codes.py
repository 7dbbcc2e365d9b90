"""Make, read and hash redemption codes.

A code is 16 characters of Crockford's base 32, 80 random bits, written in groups of four. It has no I, L, O and U:
whoever types these means 1, 1, 0 or made a mistake. Case, spaces and hyphens don't matter.
"""

from __future__ import annotations

import re
import secrets
import unicodedata

from django.conf import settings
from django.utils.crypto import salted_hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH, GROUP = 16, 4
LAST = 4  # characters that staff see of a code
# Longer than any code in which each character is set apart.
LONGEST_INPUT = 100
SEPARATORS = re.compile(r"[\s\-‐‑‒–—_.]+")
LOOK_ALIKES = str.maketrans("OIL", "011")
CODE = re.compile(rf"[{ALPHABET}]{{{LENGTH}}}")


def new_code() -> str:
    """Return a new code, as it is printed: ``7K3M-Q9TX-0ZB4-WHE2``."""
    return in_groups("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))


def in_groups(characters: str) -> str:
    return "-".join(characters[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def read_code(text: str) -> str | None:
    """Return the 16 characters of a code as somebody typed it; None if it can't be one."""
    if len(text) > LONGEST_INPUT:
        return None
    typed = SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper().translate(LOOK_ALIKES)
    return typed if CODE.fullmatch(typed) else None


def hash_code(characters: str) -> str:
    """Return the stored hash of a code's 16 characters.

    It is keyed: 80 bits can't be guessed over the network, but might be from a stolen table of many plain hashes.
    """
    secret = settings.REDEMPTION_KEY or settings.SECRET_KEY
    return salted_hmac("credits.redemption.codes", characters, secret=secret, algorithm="sha256").hexdigest()
